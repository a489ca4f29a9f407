"""What `antiphon simulate -o json` prints, with every field's meaning."""

from __future__ import annotations

from antiphon_crds.base import Contract


class ScoreView(Contract):
    """One simulated run, after its warm-up."""

    case: str
    """`as it is`, or what was supposed."""
    controller: str
    """Who acted."""
    knob: float | None = None
    """Main knob of a baseline: replicas of static, utilisation of hpa, waiting calls of keda-queue, share of the target of
    keda-p95 and of queueing. Left out: antiphon, which has none, and static where the peak's replicas were taken."""
    sessions: int
    """Sessions that came."""
    peak_sessions: int
    """Most that would have been live at once if none were refused."""
    turns: int
    """Turns that were asked for."""
    late_turns: int
    """Turns above the target, failed ones among them."""
    within: float
    """Share of the turns within the target."""
    p95_ms: float | None = None
    """p95 of all turns, as the promise counts them. Left out: there were none."""
    goodput_per_second: float
    """Turns within the target a second."""
    rejected: int
    """Sessions that were refused."""
    dropped: int
    """Sessions that were cut off."""
    replica_hours: float
    """Of replicas that start, serve or drain."""
    cost: float
    """What they cost."""
    quality: float
    """Mean over the turns; 1.0 is the best that the spec allows."""
    actions: int
    """Changes that were made."""
    actions_per_hour: float
    """The same in an hour."""
    breaches: int
    """Times that turns of the last 30 s broke the promise."""
    longest_breach_seconds: float
    """How long the longest of them lasted."""
    plot: str | None = None
    """File with its picture. Left out: none was asked for."""


class NoteView(Contract):
    """Something that the control loop did in a simulation."""

    case: str
    """As in the run's score."""
    at_seconds: float
    """Since the start."""
    text: str
    """What and why."""


class SimulationView(Contract):
    """What became of an agent under simulated traffic."""

    name: str
    """Name of the VoiceAgent."""
    namespace: str
    """Its namespace."""
    trace: str
    """The traffic."""
    hours: float
    """How long was simulated."""
    seed: int
    """Of all that is drawn: the same seed gives the same figures."""
    promise: str
    """Objective that turns are counted by; empty where the agent promises nothing about turns."""
    target_ms: float | None = None
    """Its target, for the pods. Left out: there is none."""
    runs: list[ScoreView]
    """Each run."""
    notes: list[NoteView]
    """What the control loop did."""
