"""Startup, readiness and liveness probes of one running container."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Literal

from antiphon_sandbox.nodes.handlers import HandlerError
from antiphon_sandbox.objects import Obj

ProbeKind = Literal["Startup", "Readiness", "Liveness"]
FIELDS: dict[ProbeKind, str] = {"Startup": "startupProbe", "Readiness": "readinessProbe", "Liveness": "livenessProbe"}

EAGER_FIRST_SECONDS = 0.05


class Verdict:
    """What a run of answers amounts to: it turns only after as many equal ones as the threshold says."""

    def __init__(self, kind: ProbeKind, probe: Obj) -> None:
        self.passed: bool | None = {"Startup": None, "Readiness": False, "Liveness": True}[kind]
        self._thresholds = {True: probe.get("successThreshold") or 1, False: probe.get("failureThreshold") or 3}
        self._last: bool | None = None
        self._run = 0

    def add(self, answer: bool) -> bool:
        """Whether the answer decides: from now on, or again."""
        self._run = self._run + 1 if answer is self._last else 1
        self._last = answer
        if self._run < self._thresholds[answer]:
            return False
        self.passed = answer
        return True


class Turns:
    """When a probe is asked: after the initial delay, then at each period, whatever an answer takes.

    An eager one is asked between these turns too, ever more seldom, until `settle`: a service that is up after 0.2 s
    then need not wait for its second period. Only a yes counts at these.
    """

    def __init__(self, probe: Obj, began: float, second: float, eager: bool) -> None:
        self._period = (probe.get("periodSeconds") or 10) * second
        self._due = began + (probe.get("initialDelaySeconds") or 0) * second
        self._pause = math.inf
        self._eager = eager

    async def next(self) -> bool:
        """Waits for the next turn; whether it is a regular one."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        regular = self._due <= now + self._pause
        await asyncio.sleep(max(min(self._due, now + self._pause) - now, 0))
        if regular:
            self._due = max(self._due + self._period, loop.time())
        if self._eager:
            self._pause = EAGER_FIRST_SECONDS if self._pause == math.inf else self._pause * 2
        return regular

    def settle(self) -> None:
        self._eager, self._pause = False, math.inf


class Prober:
    """Asks as often as the probes say. The startup probe holds the others back until it has passed."""

    def __init__(
        self,
        container: Obj,
        call: Callable[[Obj], Awaitable[None]],
        changed: Callable[[], None],
        unhealthy: Callable[[ProbeKind, str], None],
        second: float,
    ) -> None:
        """`call` raises HandlerError; `unhealthy` hears of every failure; `second` is the length of one."""
        self._probes: dict[ProbeKind, Obj] = {k: container[f] for k, f in FIELDS.items() if container.get(f)}
        self._call = call
        self._changed = changed
        self._unhealthy = unhealthy
        self._second = second
        self._began = asyncio.get_running_loop().time()
        self.started = "Startup" not in self._probes
        self.ready = self.started and "Readiness" not in self._probes

    async def run(self) -> ProbeKind:
        """Returns the kind of the probe that condemned the container; without such a probe, never."""
        if "Startup" in self._probes and not await self._startup():
            return "Startup"
        self.started = True
        self.ready = "Readiness" not in self._probes
        self._changed()
        async with asyncio.TaskGroup() as group:
            readiness = group.create_task(self._readiness())
            await self._liveness()
            readiness.cancel()
        return "Liveness"

    def _turns(self, kind: ProbeKind) -> tuple[Turns, Verdict]:
        probe = self._probes[kind]
        return Turns(probe, self._began, self._second, eager=kind != "Liveness"), Verdict(kind, probe)

    async def _startup(self) -> bool:
        turns, verdict = self._turns("Startup")
        while not await self._ask("Startup", turns, verdict):
            pass
        return verdict.passed is True

    async def _liveness(self) -> None:
        if "Liveness" not in self._probes:
            await asyncio.Event().wait()
        turns, verdict = self._turns("Liveness")
        while verdict.passed:
            await self._ask("Liveness", turns, verdict)

    async def _readiness(self) -> None:
        if "Readiness" not in self._probes:
            return
        turns, verdict = self._turns("Readiness")
        while True:
            await self._ask("Readiness", turns, verdict)
            if self.ready is not verdict.passed:
                turns.settle()
                self.ready = verdict.passed is True
                self._changed()

    async def _ask(self, kind: ProbeKind, turns: Turns, verdict: Verdict) -> bool:
        """Waits for the probe's turn, and asks once; whether the answer decides."""
        counts = await turns.next()
        try:
            await self._call(self._probes[kind])
        except HandlerError as failure:
            if not counts:
                return False
            self._unhealthy(kind, f"{kind} probe failed: {failure}")
            return verdict.add(False)
        return verdict.add(True)
