"""`antiphon up`: a whole world on one machine, from models to an agent that answers."""
