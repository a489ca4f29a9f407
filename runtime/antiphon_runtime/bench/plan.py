"""What a bench of sessions does."""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon_runtime.bench.clips import Clip
from antiphon_runtime.bench.user import Manner


@dataclass(frozen=True)
class Plan:
    url: str
    clips: tuple[Clip, ...]
    """What users say, each turn one of them by chance. At least one."""
    sessions: int = 1
    seconds: float = 30.0
    """Time in which turns begin, the ramp included."""
    ramp_seconds: float = 0.0
    """Time over which the sessions connect, evenly."""
    finish_seconds: float = 20.0
    """Time after that for the turns that go on."""
    manner: Manner = field(default_factory=Manner)
    api_key: str | None = None
    seed: int = 0
    processes: int = 1
    """The driver's; one sends for a few hundred sessions."""
    metrics_url: str | None = None
    """Scraped before and after."""
