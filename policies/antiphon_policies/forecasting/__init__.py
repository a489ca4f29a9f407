"""How many sessions there will be by the time a new replica serves, and how many places they need."""
