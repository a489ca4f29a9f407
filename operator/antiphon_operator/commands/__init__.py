"""The subcommands of `antiphon`, one module each."""
