"""Whether promises are kept, as far as it is known."""
