"""What `antiphon capacity -o json` prints, with every field's meaning."""

from __future__ import annotations

from antiphon_crds.base import Contract


class BasisView(Contract):
    """Where the speed of one variant is known from."""

    stage: str
    """The stage."""
    variant: str
    """The variant."""
    hardware: str = ""
    """Hardware that the profile is of; empty where there is no profile."""
    basis: str
    """Learned (by the operator, from live work), Measured, Derived, Projected, or Assumed where nothing is known."""
    origin: str = ""
    """Where the profile's figures come from."""


class SizeView(Contract):
    """Sessions of one replica."""

    group: str
    """Placement group."""
    duty_cycle: float
    """Share of a session in which the agent works."""
    choice: str
    """best: with the best variants alone. any: with whichever allowed variants hold most, where that is more."""
    variants: dict[str, str] = {}
    """Variant of each stage that holds the most; empty where not even one session is held."""
    quality: float = 0.0
    """1.0 is the best that the spec allows; 0 where not even one session is held."""
    most_sessions: int
    """Most sessions with which every objective is predicted to be kept."""
    planned_sessions: int
    """The same with the policy's minHeadroom kept free: what the control loop plans with."""
    limited_by: str = ""
    """What one session more would break; empty where no limit was found."""


class ComponentView(Contract):
    """One part of the time from the caller's mouth to the caller's ear, in milliseconds."""

    component: str
    """capture, network, end of speech, a stage, done meanwhile (what speculation does before the turn is over), overhead,
    playback."""
    alone_ms: float
    """Mean time with one session."""
    waits_ms: float
    """What other sessions add on average: waiting, and larger batches."""
    p95_ms: float | None = None
    """p95 with so many sessions. Left out: it does not vary, or no p95 of its own is predicted."""


class BudgetView(Contract):
    """Where the time of a turn goes, at the planned sessions of one replica."""

    duty_cycle: float
    """The agent's own: share of a session in which it works."""
    sessions: int
    """Sessions of the replica."""
    variants: dict[str, str]
    """Variant of each stage."""
    components: list[ComponentView]
    """In the order of the turn."""
    turn_p95_ms: float
    """p95 from the user's last sound to the agent's first, at the pod."""
    response_p95_ms: float
    """p95 from the decision that the user has ended."""
    mouth_to_ear_p95_ms: float
    """p95 with capture, network and playback."""


class TargetView(Contract):
    """Whether a p95 can be promised."""

    indicator: str
    """response or mouthToEar."""
    target_ms: int
    """The p95 that would be promised."""
    best_sessions: int
    """Most sessions of a replica that keep it with the best variants; 0: it can't be kept."""
    any_sessions: int
    """The same with whichever allowed variants hold most."""
    least_ms: float | None = None
    """The lowest p95 there is: one session, the quickest variants. Left out: not even that can be kept up with."""


class HeadroomView(Contract):
    """A live agent's room."""

    group: str
    """Placement group."""
    ready_replicas: int
    """Replicas that are ready."""
    sessions: int | None = None
    """Live sessions. Left out: unknown."""
    planned_sessions: int
    """Sessions that they hold as the control loop plans, with whichever allowed variants hold most."""
    free: int | None = None
    """Sessions that may come before one more replica is wanted. Left out: unknown."""


class CapacityView(Contract):
    """How much an agent's replicas hold, and where the time goes."""

    name: str
    """Name of the VoiceAgent."""
    namespace: str
    """Its namespace."""
    policy: str | None = None
    """Name of its SLAPolicy. Left out: none."""
    min_headroom: float
    """Share of the capacity that the policy keeps free."""
    basis: list[BasisView]
    """Where the figures come from."""
    sizes: list[SizeView]
    """Sessions of one replica."""
    headroom: list[HeadroomView] = []
    """Of a live agent, by group."""
    budget: BudgetView | None = None
    """Where the time of a turn goes. Left out: not even one session is held, or no turns are taken."""
    targets: list[TargetView] = []
    """What could be promised."""
