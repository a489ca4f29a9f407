"""Batches of the work of many sessions: as it comes (Batcher), or in step with a clock (LockstepSlots)."""
