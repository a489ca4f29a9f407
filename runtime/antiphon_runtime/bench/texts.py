"""Sentences to be spoken, recognised and answered."""

from __future__ import annotations

SENTENCES = (
    "What is the capital of France?",
    "Please remind me to call the doctor tomorrow morning.",
    "Could you tell me what the weather will be like this weekend?",
    "I would like to book a table for four people on Friday evening.",
    "How many planets are there in the solar system?",
    "Turn off the lights in the kitchen and lock the front door.",
    "My flight was delayed because of the heavy snow.",
    "Tell me a short story about a dragon who was afraid of fire.",
)
INSTRUCTIONS = "You are a helpful voice assistant. Answer in one short sentence."
