"""The brain: pure functions from what is observed to what is decided. Clocks, seeds and I/O are passed in."""
