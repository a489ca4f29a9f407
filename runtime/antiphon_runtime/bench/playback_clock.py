"""When a client hears what it gets, if it plays it in real time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class PlaybackClock:
    """One answer. Times and lengths are seconds of one clock.

    The first piece is played `delay_seconds` after it came, each later one right after the one before it, or, where
    that is over by then, as soon as it comes: a gap.
    """

    delay_seconds: float = 0.0
    starts: float | None = None
    ends: float | None = None
    """When all that has come will have been played."""
    gaps: list[float] = field(default_factory=list)
    """Length of each silence that was not meant."""
    audio_seconds: float = 0.0
    is_stopped: bool = False

    def receive(self, at: float, seconds: float) -> float:
        """A piece has come; returns when its playing starts. What comes after `stop` is not played."""
        if self.ends is None:
            self.starts = self.ends = at + self.delay_seconds
        elif at > self.ends and not self.is_stopped:
            self.gaps.append(at - self.ends)
            self.ends = at
        begins = self.ends
        if not self.is_stopped:
            self.ends += seconds
            self.audio_seconds += seconds
        return begins

    def stop(self, at: float) -> float:
        """The client drops what it has not played; returns how much that was."""
        dropped = self.left(at)
        self.is_stopped = True
        if self.ends is not None and self.starts is not None:
            self.ends = max(self.ends - dropped, self.starts)
        self.audio_seconds -= dropped
        return dropped

    def left(self, at: float) -> float:
        """Audio that has come and has not been played."""
        return min(max(self.ends - at, 0.0), self.audio_seconds) if self.ends is not None else 0.0

    def played(self, at: float) -> float:
        return self.audio_seconds - self.left(at)
