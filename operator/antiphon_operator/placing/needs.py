"""What one replica of a placement group needs of a GPU.

Every model of the group stays loaded: those of its stages, those on trial and those that judge the end of a turn. Each
takes as much as the largest of its variants that may run, and what `expected sessions` add. No room is kept for a second
copy during a hot switch: the runtime loads beside where there is room, and else lets the stage's calls wait a moment.

A variant over several GPUs takes an equal part of each. All others lie on the first GPU, as the runtime loads them there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from antiphon_crds.durations import parse_quantity_bytes
from antiphon_crds.placement import PlacementGroup
from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_policies.resolution import Resolution

HEADROOM: Final = 0.1
"""Share of GPU memory left free beside the models where `auto` chooses: for fragments, and figures that were computed."""


@dataclass(frozen=True)
class Resident:
    """A model that a replica keeps loaded, in one of its variants at a time."""

    stage: Stage
    model: str
    variants: tuple[Variant, ...]
    serves: bool = True
    """False: on trial, or judging the end of a turn. Such a model keeps all its variants."""

    def each_gpu_bytes(self, sessions: int) -> int:
        """Most that it takes of any one GPU."""
        return max((_each_gpu_bytes(variant, sessions) for variant in self.variants), default=0)

    @property
    def spread(self) -> int:
        """Whole GPUs that it needs. 0: a partition or the CPU will do."""
        return max((variant.gpus for variant in self.variants), default=0)


@dataclass(frozen=True)
class Needs:
    """What one replica needs of the GPU. All is monotone: more memory or more GPUs never hold less."""

    residents: tuple[Resident, ...]
    sessions: int = 1
    headroom: float = HEADROOM

    @property
    def gpu(self) -> bool:
        """Whether any variant takes GPU memory."""
        return any(variant.memory.gpu for resident in self.residents for variant in resident.variants)

    @property
    def spread(self) -> int:
        """Whole GPUs that a variant is spread over. 0: a partition will do."""
        return max((resident.spread for resident in self.residents), default=0)

    @property
    def each_gpu_bytes(self) -> int:
        """Memory of the fullest GPU, headroom included."""
        models = sum(resident.each_gpu_bytes(self.sessions) for resident in self.residents)
        return models + int(models * self.headroom)

    @property
    def total_bytes(self) -> int:
        """Of all GPUs together, without headroom: tells which of two sets of variants is the richer one."""
        return sum(max((total_gpu_bytes(v, self.sessions) for v in one.variants), default=0) for one in self.residents)

    def fit(self, each_gpu_bytes: int | None, gpus: int) -> bool:
        """Whether so many whole GPUs hold it, or with `gpus` 0 one partition. Memory None: not known, and not in the way."""
        enough = each_gpu_bytes is None or self.each_gpu_bytes <= each_gpu_bytes
        return enough and self.spread <= gpus

    def reduced(self, each_gpu_bytes: int | None, gpus: int) -> Needs | None:
        """With as many of the variants as fit. None: not even the smallest ones do.

        Of the models that have a smaller variant, the one whose largest variants free most gives them up first.
        """
        now = self._only(lambda variant: variant.gpus <= gpus)
        while now is not None and not now.fit(each_gpu_bytes, gpus):
            now = now._without_largest()
        return now

    def without_gpu(self) -> Needs | None:
        """With the variants that run on the CPU. None: some model has none."""
        return self._only(lambda variant: variant.memory.gpu is None)

    def smallest(self) -> Needs:
        """With the variants that take least, for telling what is needed in any case."""
        now = self
        while (less := now._without_largest()) is not None:
            now = less
        return now

    @property
    def names(self) -> dict[Stage, tuple[str, ...]]:
        """Variants that may run, by stage."""
        return {one.stage: tuple(found.name for found in one.variants) for one in self.residents if one.serves}

    def _only(self, wanted: Callable[[Variant], bool]) -> Needs | None:
        residents = tuple(_narrowed(resident, wanted) for resident in self.residents)
        complete = all(new.variants or not old.variants for new, old in zip(residents, self.residents, strict=True))
        return replace(self, residents=residents) if complete else None

    def _without_largest(self) -> Needs | None:
        freed = [_freed(resident, self.sessions) for resident in self.residents]
        most = max(freed, default=0)
        if most <= 0:
            return None
        index = freed.index(most)
        smaller = _smaller(self.residents[index], self.sessions)
        return replace(self, residents=(*self.residents[:index], smaller, *self.residents[index + 1 :]))


def needs_of(group: PlacementGroup, resolution: Resolution) -> Needs:
    return Needs(tuple(_residents(group, resolution)), expected_sessions(group, resolution))


def expected_sessions(group: PlacementGroup, resolution: Resolution) -> int:
    """The most that one replica is to hold, where the agent says so, else 1."""
    return group.max_sessions or resolution.agent.spec.sessions.max_per_replica or 1


def _residents(group: PlacementGroup, resolution: Resolution) -> Iterator[Resident]:
    narrowed = {found.stage: found.names for found in group.variants}
    for resolved in resolution.stages:
        if resolved.stage not in group.stages:
            continue
        names = narrowed.get(resolved.stage)
        variants = tuple(found for found in resolved.variants if names is None or found.name in names)
        yield Resident(resolved.stage, resolved.spec.model, variants)
        for beside in (resolved.trial, resolved.turn_end):
            if beside is not None:
                yield Resident(resolved.stage, beside.model.metadata.name, beside.variants, serves=False)


def total_gpu_bytes(variant: Variant, sessions: int) -> int:
    """Of all its GPUs together."""
    if variant.memory.gpu is None:
        return 0
    return parse_quantity_bytes(variant.memory.gpu) + sessions * _session_bytes(variant)


def _each_gpu_bytes(variant: Variant, sessions: int) -> int:
    return -(-total_gpu_bytes(variant, sessions) // max(1, variant.gpus))


def _session_bytes(variant: Variant) -> int:
    return parse_quantity_bytes(variant.memory.per_session) if variant.memory.per_session else 0


def _narrowed(resident: Resident, wanted: Callable[[Variant], bool]) -> Resident:
    """One that does not serve is all or nothing."""
    kept = tuple(found for found in resident.variants if wanted(found))
    return replace(resident, variants=kept if resident.serves or kept == resident.variants else ())


def _smaller(resident: Resident, sessions: int) -> Resident:
    largest = resident.each_gpu_bytes(sessions)
    return _narrowed(resident, lambda variant: _each_gpu_bytes(variant, sessions) < largest)


def _freed(resident: Resident, sessions: int) -> int:
    """0 where there is no smaller variant."""
    smaller = _smaller(resident, sessions)
    return resident.each_gpu_bytes(sessions) - smaller.each_gpu_bytes(sessions) if smaller.variants else 0
