"""Asks every pod for its state, evenly over time, and tells of which agents something is new."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from antiphon_operator.pods.control_client import Control, ControlError
from antiphon_operator.pods.due_times import DueTimes, next_in_phase, phase_of
from antiphon_operator.pods.known import AgentKey, PodAddress, PodKey
from antiphon_operator.pods.news import Announcer
from antiphon_operator.pods.reports import PodReport, is_changing
from antiphon_operator.pods.settings import WatchSettings

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watched:
    pod: PodAddress
    phase: float
    """Its share of the interval, at which it is asked."""
    report: PodReport
    failures: int = 0
    """In a row."""
    is_asked: bool = False
    """Just now."""
    is_hurried: bool = False
    """Something came to be expected of it while it was asked."""


class PodWatch:
    """Made on the event loop. One task, `run`, asks all pods; it ends when it is cancelled.

    `on_change` is told an agent of which something is worth a reconcile, `on_report` every pod that was asked.
    """

    def __init__(
        self,
        control: Control,
        on_change: Callable[[AgentKey], None],
        *,
        settings: WatchSettings | None = None,
        on_report: Callable[[PodKey], None] = lambda _: None,
        chance: random.Random | None = None,
    ) -> None:
        self.settings = settings or WatchSettings()
        self.on_report = on_report
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._announcer = Announcer(on_change, self.settings.sessions_every_seconds)
        self._chance = chance or random.Random()  # noqa: S311 (no secret)
        self._watched: dict[PodKey, _Watched] = {}
        self._due: DueTimes[PodKey] = DueTimes()
        self._numbers = itertools.count()
        self._woken = asyncio.Event()
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def interval_seconds(self) -> float:
        """In force: longer than in the settings where there are more pods than can be asked in that."""
        return max(self.settings.interval_seconds, len(self._watched) / self.settings.most_per_second)

    @property
    def fresh_seconds(self) -> float:
        """A state that is older counts as unknown."""
        return self.settings.stale_intervals * self.interval_seconds

    def report(self, key: PodKey) -> PodReport | None:
        """None: no such pod is watched."""
        watched = self._watched.get(key)
        return self._judged(watched) if watched is not None else None

    def reports(self) -> dict[PodKey, PodReport]:
        return {key: self._judged(watched) for key, watched in self._watched.items()}

    def set_pods(self, pods: Mapping[PodKey, PodAddress]) -> None:
        """All that there are. Those that are new are asked soon, spread out."""
        for key in [key for key in self._watched if key not in pods]:
            self.drop_pod(key)
        new = [pod for key, pod in pods.items() if not self._is_known(key, pod)]
        spacing = self.settings.interval_seconds / max(len(pods), 1)
        for index, pod in enumerate(new):
            self.put_pod(pod, after_seconds=index * spacing)

    def put_pod(self, pod: PodAddress, *, after_seconds: float = 0.0) -> None:
        """One that is new or has changed; it is asked after so many seconds."""
        watched = self._watched.get(pod.key)
        if watched is None or watched.pod.uid != pod.uid:
            watched = self._watched[pod.key] = _Watched(pod, phase_of(next(self._numbers)), PodReport(uid=pod.uid))
        elif watched.pod == pod:
            return
        watched.pod, watched.failures = pod, 0
        if not pod.address:
            self._due.drop(pod.key)
        elif not watched.is_asked:
            self._put(pod.key, self._loop.time() + after_seconds)

    def drop_pod(self, key: PodKey) -> None:
        if self._watched.pop(key, None) is not None:
            self._due.drop(key)

    def hasten(self, key: PodKey) -> None:
        """Something is expected of this pod: it is asked within the short interval."""
        watched = self._watched.get(key)
        if watched is not None and watched.is_asked:
            watched.is_hurried = True
        elif self._due.hasten(key, self._loop.time() + self.settings.fast_seconds):
            self._woken.set()

    async def run(self) -> None:
        try:
            while True:
                await self._until_due()
                await self._until_free()
                key = self._due.pop(self._loop.time())
                if key is not None:
                    self._begin(key)
                    await asyncio.sleep(1 / self.settings.most_per_second)
        finally:
            self._announcer.close()
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _is_known(self, key: PodKey, pod: PodAddress) -> bool:
        watched = self._watched.get(key)
        return watched is not None and (watched.pod is pod or watched.pod == pod)

    def _put(self, key: PodKey, at: float) -> None:
        self._due.put(key, at)
        self._woken.set()

    async def _until_due(self) -> None:
        while (at := self._due.next_at()) is None or at > self._loop.time():
            self._woken.clear()
            try:
                async with asyncio.timeout_at(at):
                    await self._woken.wait()
            except TimeoutError:
                return

    async def _until_free(self) -> None:
        while len(self._asking) >= self.settings.most_at_once:
            await asyncio.wait(self._asking, return_when=asyncio.FIRST_COMPLETED)

    def _begin(self, key: PodKey) -> None:
        watched = self._watched[key]
        watched.is_asked = True
        task = self._loop.create_task(self._ask(watched), name="ask-pod")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, watched: _Watched) -> None:
        asked, asked_at = watched.pod, self._loop.time()
        try:
            state = await self._control.state(asked.address, asked.token)
            report = PodReport(state, "", self._loop.time(), asked_at, asked.uid)
        except ControlError as error:
            report = replace(self._judged(watched), error=str(error) or error.reason)
        except Exception as error:
            _log.exception("%s: can't be asked", asked.key)
            report = replace(self._judged(watched), error=type(error).__name__)
        finally:
            watched.is_asked = False
        if self._watched.get(asked.key) is watched:
            self._heard(watched, asked, report)

    def _heard(self, watched: _Watched, asked: PodAddress, report: PodReport) -> None:
        before, watched.report = watched.report, report
        if _asks_the_same(asked, watched.pod):
            watched.failures = watched.failures + 1 if report.error else 0
            if watched.pod.address:
                self._put(asked.key, self._next_at(watched))
        elif watched.pod.address:
            self._put(asked.key, self._loop.time())
        self._announcer.compare(watched.pod.agent_key, before, report)
        try:
            self.on_report(asked.key)
        except Exception:
            _log.exception("%s: its report was not taken", asked.key)

    def _next_at(self, watched: _Watched) -> float:
        now, report = self._loop.time(), watched.report
        is_hurried, watched.is_hurried = watched.is_hurried, False
        if watched.failures:
            waited = now + self.settings.silent.seconds(watched.failures, self._chance)
            expires = report.heard_at + self.fresh_seconds
            return min(waited, expires) if report.state is not None and expires > now else waited
        if is_hurried or is_changing(report):
            return now + self.settings.fast_seconds
        return next_in_phase(now, self.interval_seconds, watched.phase)

    def _judged(self, watched: _Watched) -> PodReport:
        report = watched.report
        if report.state is None or self._loop.time() - report.heard_at < self.fresh_seconds:
            return report
        return replace(report, state=None)


def _asks_the_same(one: PodAddress, other: PodAddress) -> bool:
    return (one.address, one.token, one.ready, one.going) == (other.address, other.token, other.ready, other.going)
