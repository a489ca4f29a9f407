"""What the client has played of an answer: made, sent and played are three things."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Playback:
    """An answer's audio on its way. Times are seconds of one clock; lengths are milliseconds of audio.

    A client that plays what it gets at once hears it `latency_seconds` after it was sent.
    """

    latency_seconds: float = 0.0
    generated_ms: float = 0.0
    sent_ms: float = 0.0
    underruns: int = 0
    """Times that the client had played all it had while more was to come."""
    _runs: list[tuple[float, float]] = field(default_factory=list)
    """Start and length in ms of stretches that are played without a gap."""

    def generated(self, milliseconds: float) -> None:
        self.generated_ms += milliseconds

    def sent(self, at_seconds: float, milliseconds: float) -> None:
        """A piece was sent; pieces are played one after the other."""
        self.sent_ms += milliseconds
        arrives = at_seconds + self.latency_seconds
        if self._runs:
            start, length = self._runs[-1]
            if arrives <= start + length / 1e3:
                self._runs[-1] = (start, length + milliseconds)
                return
            self.underruns += 1
        self._runs.append((arrives, milliseconds))

    def stop(self, at_seconds: float) -> None:
        """The client plays no more: what it has and has not played yet is dropped."""
        self._runs = [(start, min(length, max((at_seconds - start) * 1e3, 0.0))) for start, length in self._runs]

    def played_ms(self, at_seconds: float) -> float:
        """Never more than was sent, and never less than before."""
        return sum(min(max((at_seconds - start) * 1e3, 0.0), length) for start, length in self._runs)

    def ends_at_seconds(self) -> float | None:
        """When all that was sent has been played. None: nothing was."""
        return self._runs[-1][0] + self._runs[-1][1] / 1e3 if self._runs else None
