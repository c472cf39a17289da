"""Tests, from the inside out: core, props, fuzz, golden, repo, lab, web. `tools/test` runs them all."""
