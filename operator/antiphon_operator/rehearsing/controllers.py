"""Who acts in a simulation: the control loop, or an autoscaler that it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from antiphon_operator.rehearsing.errors import RehearsalError
from antiphon_policies.baselines.systems import SYSTEMS, Candidate, Knobs
from antiphon_policies.deciding.controller import AntiphonController
from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.resolution import Resolution
from antiphon_policies.seeing.observation import Observation
from antiphon_policies.simulating.controlling import Controller, Note

ANTIPHON = "antiphon"
_DEFAULTS: Mapping[str, float] = {"hpa": 0.5, "keda-queue": 0.1, "keda-p95": 0.8, "queueing": 0.5}
_SHORT: Mapping[str, str] = {"keda": "keda-p95"}
NAMES = (ANTIPHON, *SYSTEMS)


@dataclass(frozen=True)
class Wanted:
    """One controller, with its main knob."""

    name: str
    knob: float | None = None
    """None: ours, or the usual one."""

    @property
    def words(self) -> str:
        return self.name if self.knob is None else f"{self.name} ({SYSTEMS[self.name].unit} {self.knob:g})"


def wanted_of(text: str) -> Wanted:
    """`hpa`, or `hpa=0.3`. RehearsalError where there is no such controller."""
    name, equals, knob = text.partition("=")
    name = _SHORT.get(name, name)
    if name not in NAMES:
        raise RehearsalError(f"--controller {text}: there is no {name!r}; there are {', '.join(NAMES)}", usage=True)
    if not equals:
        return Wanted(name, _DEFAULTS.get(name))
    if name == ANTIPHON:
        raise RehearsalError(
            f"--controller {text}: antiphon has no knob; what it does follows from the policy", usage=True
        )
    try:
        return Wanted(name, float(knob))
    except ValueError:
        raise RehearsalError(
            f"--controller {text}: {knob!r} is no number; {name} takes {SYSTEMS[name].unit}", usage=True
        ) from None


def controller_of(wanted: Wanted, facts: AgentFacts, resolution: Resolution, peak_replicas: int) -> Controller:
    """`peak_replicas`: those of `static` where no other number is given."""
    if wanted.name == ANTIPHON:
        return AntiphonController(facts, tuple(resolution.agent.spec.traffic))
    knob = float(peak_replicas) if wanted.knob is None else wanted.knob
    return Candidate(wanted.name, "best", Knobs(knob)).controller(facts)


class Watched:
    """The same controller; tells how far the simulation is."""

    def __init__(self, controller: Controller, tell: Callable[[float], None]) -> None:
        self.name, self.interval_seconds = controller.name, controller.interval_seconds
        self._controller, self._tell = controller, tell

    def control(self, facts: AgentFacts, seen: Observation, current: Setting) -> Setting:
        self._tell(seen.at)
        return self._controller.control(facts, seen, current)

    def notes(self) -> tuple[Note, ...]:
        return self._controller.notes()
