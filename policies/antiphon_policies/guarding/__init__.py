"""What holds a plan back: a chain of small rules, each of which says why."""
