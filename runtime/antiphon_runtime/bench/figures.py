"""What the sessions' records come to. Who was refused or failed stays in what shares are taken of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from antiphon_runtime.bench.driver import Measured
from antiphon_runtime.bench.histograms import Histogram, Key
from antiphon_runtime.bench.percentiles import Summary, json_of, summary
from antiphon_runtime.bench.word_errors import word_error_rate

_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Figures:
    def __init__(self, measured: Measured) -> None:
        self.measured = measured
        self.sessions = measured.sessions
        self.turns = [turn for record in measured.sessions for turn in record.turns if turn.outcome != "unfinished"]
        """Those that were over before the bench was."""

    # --- times -----------------------------------------------------------------------------------------------------

    @property
    def from_decision_ms(self) -> Summary | None:
        return _summary(turn.from_decision_ms for turn in self.turns)

    @property
    def from_last_sound_ms(self) -> Summary | None:
        return _summary(turn.from_last_sound_ms for turn in self.turns)

    @property
    def decision_ms(self) -> Summary | None:
        return _summary(turn.decision_ms for turn in self.turns)

    @property
    def barge_in_stop_ms(self) -> Summary | None:
        return _summary(turn.cut_off_ms for turn in self.turns)

    @property
    def session_start_ms(self) -> Summary | None:
        return _summary(record.opened_ms for record in self.sessions)

    @property
    def gaps_ms(self) -> list[float]:
        return [gap for turn in self.turns for gap in turn.gaps_ms]

    # --- counts ----------------------------------------------------------------------------------------------------

    @property
    def session_outcomes(self) -> dict[str, int]:
        return _counted(("completed", "rejected", "failed", "dropped"), (record.outcome for record in self.sessions))

    @property
    def turn_outcomes(self) -> dict[str, int]:
        return _counted(("answered", "failed", "dropped"), (turn.outcome for turn in self.turns))

    @property
    def turns_with_underrun(self) -> int:
        return sum(bool(turn.gaps_ms) for turn in self.turns)

    @property
    def is_flawless(self) -> bool:
        """Every session ran to its end, every turn was answered."""
        return all(record.outcome == "completed" for record in self.sessions) and all(
            turn.outcome == "answered" for turn in self.turns
        )

    @property
    def word_error_rate(self) -> float | None:
        """Of turns whose text is known; a turn that got no transcript was heard as nothing."""
        return word_error_rate((turn.text, " ".join(turn.transcripts)) for turn in self.turns if turn.text is not None)

    # --- all of it -------------------------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        return {
            "plan": self._plan(),
            "from_decision_ms": json_of(self.from_decision_ms),
            "from_last_sound_ms": json_of(self.from_last_sound_ms),
            "decision_ms": json_of(self.decision_ms),
            "barge_in_stop_ms": json_of(self.barge_in_stop_ms),
            "session_start_ms": json_of(self.session_start_ms),
            "word_error_rate": self.word_error_rate,
            "sessions": self._sessions(),
            "turns": self._turns(),
            "underruns": self._underruns(),
            "sending": self.measured.lateness.as_json(),
            "driver_cpu_percent": round(self.measured.driver_cpu_percent, 1),
            "server": [server_row(key, found) for key, found in sorted(self.measured.server.items())],
        }

    def _plan(self) -> dict[str, Any]:
        plan = self.measured.plan
        manner = plan.manner
        return {
            "url": plan.url,
            "sessions": plan.sessions,
            "seconds": plan.seconds,
            "ramp_seconds": plan.ramp_seconds,
            "duty": manner.duty,
            "barge_in_share": manner.barge_in_share,
            "format": manner.audio_format,
            "clips": [clip.name for clip in plan.clips],
            "seed": plan.seed,
        }

    def _sessions(self) -> dict[str, Any]:
        refused = [record for record in self.sessions if record.reason]
        waits = [record.retry_after_seconds for record in refused if record.retry_after_seconds is not None]
        return {
            "asked": len(self.sessions),
            **self.session_outcomes,
            "rejected_share": _share(self.session_outcomes["rejected"], len(self.sessions)),
            "reasons": dict(Counter(record.reason for record in refused)),
            "retry_after_seconds": max(waits, default=None),
            "errors": dict(sum((record.errors for record in self.sessions), Counter())),
            "duty": _share(sum(r.agent_seconds for r in self.sessions), sum(r.seconds for r in self.sessions)),
        }

    def _turns(self) -> dict[str, Any]:
        outcomes = self.turn_outcomes
        return {
            "over": len(self.turns),
            **outcomes,
            "unfinished": sum(len(record.turns) for record in self.sessions) - len(self.turns),
            "failed_share": _share(outcomes["failed"] + outcomes["dropped"], len(self.turns)),
            "failures": dict(Counter(turn.failure for turn in self.turns if turn.failure)),
            "barge_ins": sum(turn.is_barge_in for turn in self.turns),
            **{name: sum(getattr(record, name) for record in self.sessions) for name in _ODDITIES},
        }

    def _underruns(self) -> dict[str, Any]:
        return {
            "gaps": len(self.gaps_ms),
            "turns": self.turns_with_underrun,
            "share": _share(self.turns_with_underrun, len(self.turns)),
            "gap_ms": json_of(summary(self.gaps_ms)),
        }


_ODDITIES = ("missed_barge_ins", "answered_early", "cut_for_nothing")


def server_row(key: Key, found: Histogram) -> dict[str, Any]:
    """A histogram's name, labels, count, mean and estimated percentiles, in the metric's own unit."""
    name, labels = key
    mean = found.mean
    estimates = {share: found.quantile(value) for share, value in _SHARES.items()}
    figures = {"mean": mean, **estimates}
    rounded = {each: None if value is None else round(value, 6) for each, value in figures.items()}
    return {"metric": name, "labels": dict(labels), "count": int(found.count), **rounded}


def _summary(values: Iterable[float | None]) -> Summary | None:
    return summary(value for value in values if value is not None)


def _counted(names: tuple[str, ...], outcomes: Iterable[str]) -> dict[str, int]:
    counts = Counter(outcomes)
    return {name: counts[name] for name in names}


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
