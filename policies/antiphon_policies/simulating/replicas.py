"""One replica of a placement group: its stations, and the sessions on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_policies.facts import AgentFacts, GroupFacts, Service, Setting, StageFacts
from antiphon_policies.simulating.clockwork import Clockwork
from antiphon_policies.simulating.devices import Beat, Device, Lockstep, SharedBatches, SharedLockstep, SharedStreams
from antiphon_policies.simulating.speeds import Speed
from antiphon_policies.simulating.stations import Batches, Station, Streams
from antiphon_policies.simulating.talking import Talker

Truth = Mapping[tuple[Stage, str], Service]
"""Services as they are, by stage and variant, where they differ from the facts."""
Speeds = Mapping[tuple[Stage, str], Speed]
_PERIOD_SECONDS = 0.08
"""Of a stage in lockstep whose facts tell none."""


def speeds_of(facts: AgentFacts, truth: Truth, rng: np.random.Generator) -> dict[tuple[Stage, str], Speed]:
    return {
        (stage.stage, variant.name): Speed(
            stage.stage, variant, truth.get((stage.stage, variant.name), variant.service), rng
        )
        for stage in facts.stages
        for variant in stage.variants
    }


@dataclass(frozen=True, slots=True)
class Workshop:
    """What replicas are made with."""

    facts: AgentFacts
    clock: Clockwork
    speeds: Speeds
    rng: np.random.Generator


class Replica:
    """From its being given a place until its last session has ended."""

    __slots__ = (
        "asked", "died", "going", "group", "name", "pending", "ready", "sessions", "shop", "stations", "switches",
    )  # fmt: skip

    def __init__(self, name: str, group: GroupFacts, shop: Workshop, setting: Setting, asked: float) -> None:
        self.name, self.group, self.shop, self.asked = name, group, shop, asked
        self.ready = self.going = self.died = False
        self.pending = True
        """It has no place yet: its partition is not free."""
        self.sessions: dict[Talker, None] = {}
        device = Device() if group.shares_device else None
        self.stations = {
            stage.stage: self._station(stage, setting, device)
            for stage in shop.facts.stages
            if stage.group == group.name
        }
        self.switches: dict[Stage, int] = {}
        """How often each stage was told to change its variant; a newer wish replaces an older one."""

    @property
    def serves(self) -> bool:
        """Whether it takes new sessions."""
        return self.ready and not self.going

    @property
    def is_full(self) -> bool:
        most = self.group.max_sessions
        return most is not None and len(self.sessions) >= most

    def begin(self, now: float) -> None:
        self.ready = True
        for station in self.stations.values():
            if isinstance(station, Lockstep):
                station.begin(now)

    def end(self) -> None:
        """Whether its sessions have ended or it died: nothing of it goes on."""
        self.died, self.ready = True, False
        for station in self.stations.values():
            station.dead = True

    def apply(self, now: float, setting: Setting) -> None:
        """Caps at once, variants when they are loaded."""
        for stage, station in self.stations.items():
            wanted = setting.stages.get(stage)
            if wanted is None:
                continue
            if wanted.cap != station.wanted:
                station.tune(now, wanted.cap)
            self._switch(now, station, wanted.variant)

    def _switch(self, now: float, station: Station, variant: str) -> None:
        stage = station.stage
        number = self.switches.get(stage, 0)
        target = self.shop.speeds[(stage, variant)]
        if target is station.loading or (station.loading is None and target is station.speed):
            return
        self.switches[stage] = number + 1
        station.loading = None if target is station.speed else target
        if station.loading is not None:
            self.shop.clock.at(now + target.load, self._loaded, (station, number + 1))

    def _loaded(self, now: float, what: tuple[Station, int]) -> None:
        station, number = what
        if self.switches[station.stage] == number and station.loading is not None and not self.died:
            speed, station.loading = station.loading, None
            station.use(now, speed)

    def _station(self, stage: StageFacts, setting: Setting, device: Device | None) -> Station:
        chosen, shop = setting.stages[stage.stage], self.shop
        speed, clock, waited = shop.speeds[(stage.stage, chosen.variant)], shop.clock, stage.in_turn
        if stage.discipline == "lockstep":
            period = stage.period_ms / 1000 if stage.period_ms else _PERIOD_SECONDS
            beat = Beat(period, shop.facts.duty_cycle, self.sessions.__len__, shop.rng)
            if device is None:
                return Lockstep(stage.stage, waited, clock, speed, chosen.cap, beat)
            return SharedLockstep(stage.stage, waited, clock, speed, chosen.cap, beat, device)
        if device is None:
            alone = Streams if stage.discipline == "streams" else Batches
            return alone(stage.stage, waited, clock, speed, chosen.cap)
        shared = SharedStreams if stage.discipline == "streams" else SharedBatches
        return shared(stage.stage, waited, clock, speed, chosen.cap, device)
