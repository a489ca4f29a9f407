"""From an agent, in files or live, to a simulation of it: what would become of it under another load?"""
