"""What the operator wants of the pod, applied: limits and features at once, variants by hot switch."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from antiphon_crds.control import StageTuning, Tuning, TuningResult
from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.server.admission import Admission
from antiphon_runtime.stages.cast import Part, Stages
from antiphon_runtime.stages.limits import limits_of
from antiphon_runtime.stages.loading import most_of
from antiphon_runtime.stages.switching import Mode, Switcher, SwitchError
from antiphon_runtime.voice.defaults import AgentOptions, features_in_force

_log = logging.getLogger(__name__)


class Tuner:
    """One tuning at a time; a newer one that comes while variants are switched is taken up after them."""

    def __init__(
        self,
        stages: Stages,
        switcher: Switcher,
        admission: Admission,
        options: AgentOptions,
        start: Tuning,
        *,
        most_sessions: int | None,
    ) -> None:
        self.applied_generation = start.generation
        self.features = features_in_force(options, start.features)
        self.message = ""
        """What of the last tuning failed."""
        self.active_sessions: Callable[[], int] = lambda: 0
        self.on_features: Callable[[], None] = lambda: None
        self.on_switched: Callable[[Part, Mode, float], None] = lambda *_: None
        """Told the stage, how it was switched, and the seconds that it took."""
        self._stages = stages
        self._switcher = switcher
        self._admission = admission
        self._options = options
        self._most_sessions = most_sessions
        self._wanted = start
        self._work: asyncio.Task[None] | None = None
        admission.wanted = _least(most_sessions, start.max_sessions)

    @property
    def wanted(self) -> Tuning:
        return self._wanted

    @property
    def pending_generation(self) -> int | None:
        is_pending = self._wanted.generation != self.applied_generation
        return self._wanted.generation if is_pending else None

    async def put(self, tuning: Tuning) -> TuningResult:
        """What is checked at once is refused at once; the rest is done in the background and seen in the state."""
        generation = self._wanted.generation
        if self._admission.is_draining:
            return TuningResult(
                accepted=False, generation=generation, reason="Draining", message="the pod ends; it is tuned no more"
            )
        if tuning.generation < generation:
            message = f"generation is {tuning.generation}, and {generation} is wanted already"
            return TuningResult(accepted=False, generation=generation, reason="StaleGeneration", message=message)
        if tuning.generation == generation:
            return self._same()
        try:
            await self._check(tuning)
        except SwitchError as error:
            return TuningResult(accepted=False, generation=generation, reason=error.reason, message=str(error))
        return self._begin(tuning)

    def variant_of(self, part: Part) -> str | None:
        """Name of the variant that is wanted."""
        return self._tuning_of(part.config.stage).variant or part.config.variant

    def limits(self, part: Part, variant: Variant, engine_most: int) -> Limits:
        tuning = self._tuning_of(part.config.stage)
        return limits_of(part.config, variant, engine_most, tuning, self.active_sessions())

    def retune(self) -> None:
        """Brings the limits in force to what is wanted at this load."""
        for part in self._stages:
            for served in (part.served, part.trial):
                if served is not None and (working := served.current) is not None:
                    limits = self.limits(part, working.variant, most_of(working.engine))
                    if limits != working.limits:
                        working.tune(limits)

    async def close(self) -> None:
        """A switch that is under way is given up; the stage keeps what it has."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _same(self) -> TuningResult:
        done = self.pending_generation is None
        return TuningResult(
            accepted=not self.message,
            generation=self._wanted.generation,
            reason="Invalid" if self.message else "Applied" if done else "Applying",
            message=self.message,
        )

    async def _check(self, tuning: Tuning) -> None:
        known = {part.config.stage: part for part in self._stages}
        for stage in tuning.stages:
            if stage.stage not in known:
                raise SwitchError(
                    "Invalid", f"stages has {stage.stage}, which does not run here; tune only {', '.join(known)}"
                )
            if stage.variant is not None:
                await self._switcher.check(known[stage.stage].served, stage.variant)

    def _begin(self, tuning: Tuning) -> TuningResult:
        self._wanted = tuning
        self.message = ""
        self.features = features_in_force(self._options, tuning.features)
        self._admission.wanted = _least(self._most_sessions, tuning.max_sessions)
        self.retune()
        self.on_features()
        if self._work is None or self._work.done():
            if not self._to_switch():
                self.applied_generation = tuning.generation
                return TuningResult(accepted=True, generation=tuning.generation, reason="Applied")
            self._work = asyncio.create_task(self._switch_all(), name="tuning")
        return TuningResult(accepted=True, generation=tuning.generation, reason="Applying")

    async def _switch_all(self) -> None:
        """Until what is wanted is in force, or can't be."""
        while (generation := self._wanted.generation) != self.applied_generation:
            failures = [failure for part in self._to_switch() if (failure := await self._switch(part))]
            if generation != self._wanted.generation:
                continue
            if failures:
                self.message = "; ".join(failures)
                return
            self.applied_generation = generation

    def _to_switch(self) -> list[Part]:
        return [part for part in self._stages if self.variant_of(part) not in (None, _name_of(part))]

    async def _switch(self, part: Part) -> str:
        """What went wrong, if something did."""
        name = self.variant_of(part)
        assert name is not None  # noqa: S101 (asked before)
        started = time.monotonic()
        try:
            mode = await self._switcher.switch(part.served, name, partial(self.limits, part))
        except SwitchError as error:
            _log.warning("%s: not switched to %s: %s", part.config.stage, name, error)
            return f"stage {part.config.stage}: {error}"
        except Exception as error:
            _log.exception("%s: not switched to %s", part.config.stage, name)
            return f"stage {part.config.stage}: {type(error).__name__}: {error}"
        if mode is not None:
            self.on_switched(part, mode, time.monotonic() - started)
        return ""

    def _tuning_of(self, stage: Stage) -> StageTuning:
        return next((tuned for tuned in self._wanted.stages if tuned.stage == stage), StageTuning(stage=stage))


def _name_of(part: Part) -> str | None:
    current: Any = part.served.current
    return current.variant.name if current is not None else None


def _least(*bounds: int | None) -> int | None:
    given = [bound for bound in bounds if bound is not None]
    return min(given) if given else None
