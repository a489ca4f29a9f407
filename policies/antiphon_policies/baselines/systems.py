"""The baselines by name, each with the grid of knobs that it is tuned over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from antiphon_crds.stages import Stage
from antiphon_policies.baselines.behaviour import Behaviour
from antiphon_policies.baselines.fixed import Fixed, fixed
from antiphon_policies.baselines.hpa import HpaController, HpaKnobs
from antiphon_policies.baselines.keda import KedaController, KedaKnobs
from antiphon_policies.baselines.queueing import QueueingController, QueueingKnobs
from antiphon_policies.baselines.static import StaticController
from antiphon_policies.facts import AgentFacts, StageFacts
from antiphon_policies.simulating.controlling import Controller


@dataclass(frozen=True, slots=True)
class Knobs:
    """Of any baseline. What a system does not have is left as it is."""

    main: float
    """Replicas of `static`; share of a replica's time of `hpa`; calls that wait in each replica of `keda-queue`; share of the
    p95's target of `keda-p95`; share of it that the mean may take of `queueing`."""
    down_seconds: float = 300.0
    """Stabilization before scaling down."""
    min_replicas: int = 1
    cap: int | None = None
    """Of every stage's batches. None: the largest."""
    saturation: bool = True
    """Of `queueing`: whether its saturation analyzer takes part."""


Make = Callable[[Fixed, Knobs], Controller]


@dataclass(frozen=True, slots=True)
class System:
    """One autoscaler."""

    name: str
    unit: str
    """What its main knob is called in tables."""
    mains: tuple[float, ...]
    make: Make
    down_seconds: tuple[float, ...] = (60.0, 300.0)

    def grid(self) -> Iterator[Knobs]:
        for main, down in product(self.mains, self.down_seconds):
            yield Knobs(main, down)

    def around(self, knobs: Knobs) -> Iterator[Knobs]:
        """The other knobs, one by one, from a good place of the grid."""
        yield replace(knobs, cap=4)
        if self.name != "static":
            yield replace(knobs, min_replicas=2)
            yield replace(knobs, min_replicas=4)
        if self.name == "queueing":
            yield replace(knobs, saturation=False)

    def words(self, knobs: Knobs) -> str:
        said = [f"{self.unit} {knobs.main:g}"]
        if self.name != "static":
            said.append(f"down after {knobs.down_seconds:g} s")
        if knobs.min_replicas > 1:
            said.append(f"at least {knobs.min_replicas}")
        if knobs.cap is not None:
            said.append(f"batches up to {knobs.cap}")
        if not knobs.saturation:
            said.append("no saturation analyzer")
        return ", ".join(said)


def _behaviour(knobs: Knobs) -> Behaviour:
    return Behaviour(down_stabilization_seconds=knobs.down_seconds)


def _static(running: Fixed, knobs: Knobs) -> Controller:
    return StaticController(running, int(knobs.main))


def _hpa(running: Fixed, knobs: Knobs) -> Controller:
    return HpaController(running, HpaKnobs(knobs.main, knobs.min_replicas, behaviour=_behaviour(knobs)))


def _keda_queue(running: Fixed, knobs: Knobs) -> Controller:
    wanted = KedaKnobs(queue_target=knobs.main, min_replicas=knobs.min_replicas, behaviour=_behaviour(knobs))
    return KedaController(running, wanted, "keda-queue")


def _keda_p95(running: Fixed, knobs: Knobs) -> Controller:
    wanted = KedaKnobs(p95_share=knobs.main, min_replicas=knobs.min_replicas, behaviour=_behaviour(knobs))
    return KedaController(running, wanted, "keda-p95")


def _queueing(running: Fixed, knobs: Knobs) -> Controller:
    return QueueingController(
        running,
        QueueingKnobs(
            knobs.main,
            saturation=knobs.saturation,
            min_replicas=knobs.min_replicas,
            behaviour=_behaviour(knobs),
        ),
    )


SYSTEMS: Mapping[str, System] = {
    system.name: system
    for system in (
        System("static", "replicas", (2, 3, 4, 5, 6, 8, 10, 12), _static, down_seconds=(300.0,)),
        System("hpa", "utilisation", (0.1, 0.15, 0.2, 0.3, 0.4, 0.5), _hpa),
        System("keda-queue", "waiting", (0.02, 0.05, 0.1, 0.2, 0.4, 0.8), _keda_queue),
        System("keda-p95", "of p95 target", (0.6, 0.7, 0.8, 0.9, 1.0), _keda_p95),
        System("queueing", "mean of target", (0.3, 0.4, 0.5, 0.6, 0.8, 1.0), _queueing),
    )
}


def model_sets(facts: AgentFacts) -> Mapping[str, tuple[Stage, ...]]:
    """Which stages run their quickest variant, by a word for it: none, the one where that saves most time, all."""
    with_choice = [stage for stage in facts.stages if len(stage.variants) > 1]
    sets: dict[str, tuple[Stage, ...]] = {"best": ()}
    if with_choice:
        slowest = max(with_choice, key=_saved_ms).stage
        sets[f"small {slowest}"] = (slowest,)
        sets["small"] = tuple(stage.stage for stage in with_choice)
    return sets


def _saved_ms(stage: StageFacts) -> float:
    times = [variant.service.mean_ms(1) for variant in stage.variants]
    return times[0] - min(times)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One baseline with all of its knobs."""

    system: str
    models: str
    """A word of `model_sets`."""
    knobs: Knobs

    @property
    def words(self) -> str:
        return SYSTEMS[self.system].words(self.knobs)

    def running(self, facts: AgentFacts) -> Fixed:
        return fixed(facts, model_sets(facts)[self.models], self.knobs.cap)

    def controller(self, facts: AgentFacts) -> Controller:
        """A new one, which has seen nothing."""
        return SYSTEMS[self.system].make(self.running(facts), self.knobs)
