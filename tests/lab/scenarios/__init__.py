"""What Isthmus must show on a real kernel: one file a story, each a function `run(report)` that begins with its own
topology.
"""
