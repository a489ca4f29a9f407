"""The contract: types of the four kinds, of the runtime's configuration and of its control API. Pure; no I/O."""
