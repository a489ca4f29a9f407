"""The parts of a turn that only compute: what they need to know, times included, is passed in."""
