"""Brings the newest wanted tuning of each group to each of its ready pods, and keeps at it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from antiphon_crds.control import Tuning, TuningResult
from antiphon_operator.pods.control_client import Control, ControlError
from antiphon_operator.pods.known import GroupKey, PodAddress, PodKey
from antiphon_operator.pods.next_step import LARGEST_GENERATION, Step, next_step
from antiphon_operator.pods.progress import Failure, Progress
from antiphon_operator.pods.receiver import Receiver, is_sound
from antiphon_operator.pods.reports import PodReport, Reports
from antiphon_operator.pods.settings import DeliverySettings

_log = logging.getLogger(__name__)
_UNKNOWN = PodReport()


@dataclass(frozen=True)
class Listener:
    """Who is told of deliveries."""

    on_ahead: Callable[[GroupKey, int], None] = lambda *_: None
    """A pod of the group has a newer generation than is wanted: what is wanted must be raised above that one."""
    on_progress: Callable[[GroupKey], None] = lambda _: None
    """`progress` of the group has changed."""
    observe: Callable[[str], None] = lambda _: None
    """One more answer to a tuning: the reason of a TuningResult, or of a ControlError. For metrics."""


class Deliveries:
    """Made on the event loop. Call `heard` after each report of a pod, and `close` at the end.

    One tuning at a time is under way to a pod, and always the newest: none gets an older one after a newer one.
    """

    def __init__(
        self,
        control: Control,
        reports: Reports,
        listener: Listener | None = None,
        *,
        settings: DeliverySettings | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.settings = settings or DeliverySettings()
        self._control = control
        self._reports = reports
        self._listener = listener or Listener()
        self._loop = asyncio.get_running_loop()
        self._chance = chance or random.Random()  # noqa: S311 (no secret)
        self._free = asyncio.Semaphore(self.settings.most_at_once)
        self._wanted: dict[GroupKey, Tuning] = {}
        self._receivers: dict[PodKey, Receiver] = {}
        self._groups: defaultdict[GroupKey, set[PodKey]] = defaultdict(set)
        self._sending: set[asyncio.Task[None]] = set()

    def want(self, group: GroupKey, tuning: Tuning) -> bool:
        """False: a newer one, or another of the same generation, is wanted already, and that stays so."""
        before = self._wanted.get(group)
        if before == tuning:
            return True
        if before is not None and tuning.generation <= before.generation:
            _log.warning("%s: generation %d comes after %d", group, tuning.generation, before.generation)
            return False
        self._wanted[group] = tuning
        for key in sorted(self._groups.get(group, ())):
            self._receivers[key].expect_another()
            self._consider(self._receivers[key])
        return True

    def forget(self, group: GroupKey) -> None:
        """Nothing is wanted of it any more: its agent is gone, or has another uid."""
        self._wanted.pop(group, None)

    def set_pods(self, pods: Mapping[PodKey, PodAddress]) -> None:
        for key in [key for key in self._receivers if key not in pods]:
            self.drop_pod(key)
        for pod in pods.values():
            self.put_pod(pod)

    def put_pod(self, pod: PodAddress) -> None:
        """One that is new or has changed."""
        known = self._receivers.get(pod.key)
        if known is not None and known.pod == pod:
            return
        if known is None or known.pod.uid != pod.uid or known.pod.group_key != pod.group_key:
            self.drop_pod(pod.key)
            known = self._receivers[pod.key] = Receiver(pod)
            self._groups[pod.group_key].add(pod.key)
        elif (known.pod.address, known.pod.token) != (pod.address, pod.token):
            known.has_arrived()
        known.pod = pod
        self.heard(pod.key)

    def drop_pod(self, key: PodKey) -> None:
        receiver = self._receivers.pop(key, None)
        if receiver is None:
            return
        receiver.let_go()
        group = self._groups[receiver.pod.group_key]
        group.discard(key)
        if not group:
            del self._groups[receiver.pod.group_key]

    def heard(self, key: PodKey) -> None:
        """There is a new report of this pod."""
        receiver = self._receivers.get(key)
        if receiver is not None:
            receiver.known.hear(self._report(receiver))
            self._consider(receiver)

    def progress(self, group: GroupKey) -> Progress | None:
        """None: nothing is wanted of it."""
        wanted = self._wanted.get(group)
        if wanted is None:
            return None
        receivers = [self._receivers[key] for key in sorted(self._groups.get(group, ()))]
        serving = [receiver for receiver in receivers if receiver.pod.is_serving]
        failures = {receiver.pod.key: self._failure(receiver, wanted) for receiver in serving}
        ahead = [receiver.known.newest or 0 for receiver in serving if self._is_believed_ahead(receiver, wanted)]
        return Progress(
            generation=wanted.generation,
            applied=sum(self._step(receiver, wanted) is Step.DONE for receiver in serving),
            total=len(serving),
            failures={key: failure for key, failure in failures.items() if failure is not None},
            ahead=max(ahead, default=None),
        )

    async def close(self) -> None:
        for receiver in self._receivers.values():
            receiver.let_go()
        self._receivers.clear()
        self._groups.clear()
        await asyncio.gather(*self._sending, return_exceptions=True)

    # --- what to do ------------------------------------------------------------------------------------------------

    def _consider(self, receiver: Receiver) -> None:
        wanted = self._wanted.get(receiver.pod.group_key)
        if wanted is None or receiver.sending is not None:
            return
        step = self._step(receiver, wanted)
        if step is Step.SEND:
            self._send_when_due(receiver, wanted)
        elif step is Step.AHEAD:
            self._tell_ahead(receiver, wanted)
        elif step is Step.FAILED:
            receiver.failure = Failure("Failed", receiver.known.message)
        elif step in (Step.WAIT, Step.DONE):
            receiver.failure = None
        if step is Step.DONE:
            receiver.has_arrived()
            if self._is_level(receiver, wanted):
                receiver.ahead_told = 0
        self._tell_progress(receiver, wanted, step)

    def _step(self, receiver: Receiver, wanted: Tuning) -> Step:
        report = self._report(receiver)
        if report.state is None:
            return Step.NOTHING
        step = next_step(receiver.pod, receiver.known, wanted.generation)
        return Step.NOTHING if step is Step.SEND and report.error else step

    def _report(self, receiver: Receiver) -> PodReport:
        """Of this very pod, not of one that had its name before."""
        report = self._reports.report(receiver.pod.key)
        return report if report is not None and report.uid == receiver.pod.uid else _UNKNOWN

    def _failure(self, receiver: Receiver, wanted: Tuning) -> Failure | None:
        """A pod that does not even answer to questions is not told anything."""
        if receiver.failure is not None or self._step(receiver, wanted) is Step.DONE:
            return receiver.failure
        error = self._report(receiver).error
        return Failure("Unreachable", error) if error else None

    def _send_when_due(self, receiver: Receiver, wanted: Tuning) -> None:
        if receiver.refused == wanted.generation:
            return
        if receiver.retry_at > self._loop.time():
            if receiver.timer is None:
                receiver.timer = self._loop.call_at(receiver.retry_at, self._retry, receiver)
            return
        receiver.sending = task = self._loop.create_task(self._send(receiver), name="tune-pod")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _retry(self, receiver: Receiver) -> None:
        receiver.timer = None
        self._consider(receiver)

    # --- sending ---------------------------------------------------------------------------------------------------

    async def _send(self, receiver: Receiver) -> None:
        try:
            async with self._free:
                await self._send_newest(receiver)
        finally:
            receiver.sending = None
        if self._is_here(receiver):
            self._reports.hasten(receiver.pod.key)
            self._consider(receiver)

    async def _send_newest(self, receiver: Receiver) -> None:
        """What was to be sent may be outdated by the time that there is room to send it."""
        pod = receiver.pod
        wanted = self._wanted.get(pod.group_key)
        if wanted is None or receiver.refused == wanted.generation or self._step(receiver, wanted) is not Step.SEND:
            return
        try:
            result = await self._control.tune(pod.address, pod.token, wanted)
        except ControlError as error:
            self._has_not_arrived(receiver, Failure(error.reason, str(error)))
        except Exception as error:
            _log.exception("%s: can't be tuned", pod.key)
            self._has_not_arrived(receiver, Failure("Failed", type(error).__name__))
        else:
            self._has_answered(receiver, wanted.generation, result)

    def _has_answered(self, receiver: Receiver, generation: int, result: TuningResult) -> None:
        if not is_sound(result, generation):
            said = f"to generation {generation} it says {result.reason} and generation {result.generation}"
            self._has_not_arrived(receiver, Failure("AnsweredWrongly", said))
            return
        self._call(self._listener.observe, result.reason)
        receiver.failure = None
        if result.accepted or result.reason == "StaleGeneration":
            receiver.has_arrived()
            receiver.known.accept(result.generation, is_applied=result.reason != "Applying", at=self._loop.time())
        elif result.reason == "Draining":
            self._wait(receiver)
        else:
            receiver.refused = generation
            receiver.failure = Failure(result.reason, result.message)

    def _has_not_arrived(self, receiver: Receiver, failure: Failure) -> None:
        """Or the answer was lost: the next report tells."""
        self._call(self._listener.observe, failure.reason)
        receiver.failure = failure
        self._wait(receiver)

    def _wait(self, receiver: Receiver) -> None:
        receiver.tries += 1
        receiver.retry_at = self._loop.time() + self.settings.retry.seconds(receiver.tries, self._chance)

    # --- telling ---------------------------------------------------------------------------------------------------

    def _tell_ahead(self, receiver: Receiver, wanted: Tuning) -> None:
        newest = receiver.known.newest or 0
        if receiver.ahead_of == (newest, wanted.generation):
            return
        receiver.ahead_of = (newest, wanted.generation)
        receiver.ahead_told += 1
        receiver.failure = Failure("StaleGeneration", f"it has generation {newest}; {wanted.generation} is wanted")
        if self._is_believed_ahead(receiver, wanted):
            self._call(self._listener.on_ahead, receiver.pod.group_key, newest)

    def _is_believed_ahead(self, receiver: Receiver, wanted: Tuning) -> bool:
        newest = receiver.known.newest or 0
        is_ahead = self._step(receiver, wanted) is Step.AHEAD
        return is_ahead and newest < LARGEST_GENERATION and receiver.ahead_told <= self.settings.ahead_told

    def _is_level(self, receiver: Receiver, wanted: Tuning) -> bool:
        """By its state. One that only answers so, and then claims to be ahead again, does not count."""
        state = self._report(receiver).state
        return state is not None and state.generation == wanted.generation

    def _tell_progress(self, receiver: Receiver, wanted: Tuning, step: Step) -> None:
        told = (wanted.generation, step is Step.DONE, receiver.failure)
        if receiver.told != told:
            receiver.told = told
            self._call(self._listener.on_progress, receiver.pod.group_key)

    def _call(self, hook: Callable[..., None], *told: object) -> None:
        try:
            hook(*told)
        except Exception:
            _log.exception("what came of a tuning was not taken: %s", told)

    def _is_here(self, receiver: Receiver) -> bool:
        return self._receivers.get(receiver.pod.key) is receiver
