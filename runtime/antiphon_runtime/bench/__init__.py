"""`antiphon-runtime bench`: how fast a stage is, and how many sessions a server holds."""
