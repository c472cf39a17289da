"""A fuzzer of our own for the IKE engine: coverage of its lines, a corpus that grows, mutation by structure."""
