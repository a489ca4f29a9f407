"""The voice: the program that runs in every voice pod."""
