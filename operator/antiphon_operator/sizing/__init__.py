"""How many sessions a replica holds, and where the time of a turn goes: predicted from profiles, or from what was learned."""
