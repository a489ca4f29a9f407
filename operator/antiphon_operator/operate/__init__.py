"""`antiphon operator`: watches, decides what is due, reconciles, tells."""
