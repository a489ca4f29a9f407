"""What a batcher may do; changed as a whole, also while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    max_batch: int = 1
    """Most items in one batch: the operator's bound."""
    max_wait_seconds: float = 0.0
    """Longest an item is held back so that a batch fills. 0: what waits forms the next batch."""
    max_queue: int = 1000
    """Most items waiting; one more is refused."""
    max_age_seconds: float | None = None
    """Time after which waiting work has expired, where it brings no earlier deadline of its own."""
    objective_seconds: float | None = None
    """Longest that computing one batch should take; the cap follows it below `max_batch`. None: the cap is `max_batch`."""
    hang_seconds: float | None = 30.0
    """Time after which a computation counts as hung. None: never."""

    def __post_init__(self) -> None:
        if self.max_batch < 1 or self.max_queue < 1:
            raise ValueError(f"max_batch ({self.max_batch}) and max_queue ({self.max_queue}) must be at least 1")
        if self.max_wait_seconds < 0:
            raise ValueError(f"max_wait_seconds is {self.max_wait_seconds:g}; it must not be negative")
        for name in ("max_age_seconds", "objective_seconds", "hang_seconds"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value:g}; it must be positive, or None")
