"""The rules of the chain, by what they look at."""
