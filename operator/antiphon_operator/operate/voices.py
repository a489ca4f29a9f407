"""The pods of all agents, seen from a reconcile: who listens to them, what they were told, what they were heard to say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from antiphon_operator.names import AGENT_LABEL, GROUP_LABEL
from antiphon_operator.objects import Obj, annotations_of, is_going, labels_of, name_of, namespace_of, uid_of
from antiphon_operator.operate.agent_status import Heard
from antiphon_operator.operate.metrics import Metrics
from antiphon_operator.operate.pod_troubles import is_ready
from antiphon_operator.operate.world import Key
from antiphon_operator.pods.control_client import Control, RefusedError, UnreachableError, WrongAnswerError
from antiphon_operator.pods.delivery import Deliveries, Listener
from antiphon_operator.pods.known import GroupKey, PodAddress, PodKey
from antiphon_operator.pods.leaving import cost_changes, deletion_costs
from antiphon_operator.pods.reports import PodReport
from antiphon_operator.pods.totals import group_totals
from antiphon_operator.pods.watching import PodWatch
from antiphon_operator.rendering.plan import AgentPlan

_NOT_REACHED = frozenset(kind.reason for kind in (UnreachableError, RefusedError, WrongAnswerError))
"""What is said of a pod that could not be asked, in other words each time; a status keeps to the number of them."""


class Voices:
    """Made on the event loop; `run` it."""

    def __init__(self, control: Control, on_change: Callable[[Key], None], metrics: Metrics) -> None:
        self._on_change = on_change
        self._ahead: dict[GroupKey, int] = {}
        self._pods: defaultdict[Key, dict[PodKey, PodAddress]] = defaultdict(dict)
        self._groups: defaultdict[Key, set[GroupKey]] = defaultdict(set)
        self._watch = PodWatch(control, lambda agent: on_change((agent.namespace, agent.name)))
        listener = Listener(
            on_ahead=self._is_ahead,
            on_progress=lambda group: on_change((group.namespace, group.agent)),
            observe=lambda result: metrics.tunings.labels(result).inc(),
        )
        self._deliveries = Deliveries(control, self._watch, listener)
        self._watch.on_report = self._deliveries.heard

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self._watch.run()
        finally:
            await self._deliveries.close()

    def attend(self, agent: Key, plan: AgentPlan | None, pods: Iterable[Obj], token: str | None) -> None:
        """From now on these are the agent's pods, and this is what they are wanted to run with."""
        found = {address.key: address for address in (_address(pod, token or "") for pod in pods)}
        for gone in self._pods[agent].keys() - found.keys():
            self._watch.drop_pod(gone)
            self._deliveries.drop_pod(gone)
        self._pods[agent] = found
        for address in found.values():
            self._watch.put_pod(address)
            self._deliveries.put_pod(address)
        if plan is not None:
            self._want(agent, plan)

    def _want(self, agent: Key, plan: AgentPlan) -> None:
        groups = {GroupKey(*agent, group.group.name): group.tuning for group in plan.groups}
        for gone in self._groups[agent] - groups.keys():
            self._deliveries.forget(gone)
        self._groups[agent] = set(groups)
        for key, tuning in groups.items():
            self._deliveries.want(key, tuning)
            if self._ahead.get(key, 0) < tuning.generation:
                self._ahead.pop(key, None)

    def forget(self, agent: Key) -> None:
        for key in self._pods.pop(agent, {}):
            self._watch.drop_pod(key)
            self._deliveries.drop_pod(key)
        for group in self._groups.pop(agent, ()):
            self._deliveries.forget(group)
            self._ahead.pop(group, None)

    def heard(self, agent: Key) -> Mapping[str, Heard]:
        """By group."""
        pods: defaultdict[str, dict[PodKey, PodAddress]] = defaultdict(dict)
        for key, address in self._pods.get(agent, {}).items():
            pods[address.group][key] = address
        groups = {group.group for group in self._groups.get(agent, ())} | pods.keys()
        return {group: self._heard(GroupKey(*agent, group), pods[group]) for group in sorted(groups)}

    def _heard(self, group: GroupKey, pods: Mapping[PodKey, PodAddress]) -> Heard:
        reports = self._reports(pods)
        totals = group_totals(pods, reports)
        heard = Heard(totals.sessions, totals.capacity, totals.stages, starting=_starting(pods, reports))
        progress = self._deliveries.progress(group)
        if progress is None:
            return heard
        return replace(
            heard,
            tuning_generation=progress.generation,
            pods_applied=progress.applied,
            pods_total=progress.total,
            refusals=tuple(
                f"pod {key.name}: {failure}"
                for key, failure in progress.failures.items()
                if failure.reason not in _NOT_REACHED
            ),
            unreached=sum(failure.reason in _NOT_REACHED for failure in progress.failures.values()),
        )

    def known(self, agent: Key) -> list[tuple[PodAddress, PodReport | None]]:
        """Its pods that live, and what each said last."""
        return [(address, self._watch.report(key)) for key, address in self._pods.get(agent, {}).items()]

    def _reports(self, pods: Iterable[PodKey]) -> dict[PodKey, PodReport]:
        found = {key: self._watch.report(key) for key in pods}
        return {key: report for key, report in found.items() if report is not None}

    def newer_tunings(self, agent: Key) -> Mapping[str, int]:
        """Generations that pods have beyond those we wanted of them, by group."""
        return {group.group: self._ahead[group] for group in self._groups.get(agent, ()) if group in self._ahead}

    def leaving_costs(self, pods: Sequence[Obj], leaving: int) -> Mapping[str, int]:
        """Costs that have to be written so that of these so many go, and those with the fewest calls; by the pod's name."""
        known = {(address := _address(pod, "")).key: address for pod in pods if not is_going(pod)}
        written = {PodKey(namespace_of(pod), name_of(pod)): annotations_of(pod) for pod in pods}
        changes = cost_changes(written, deletion_costs(known, self._reports(known)), leaving)
        return {key.name: cost for key, cost in changes.items()}

    def _is_ahead(self, group: GroupKey, generation: int) -> None:
        self._ahead[group] = max(generation, self._ahead.get(group, 0))
        self._on_change((group.namespace, group.agent))


def _starting(pods: Mapping[PodKey, PodAddress], reports: Mapping[PodKey, PodReport]) -> str:
    for key, report in sorted(reports.items()):
        if not pods[key].is_serving and report.state is not None and report.state.message:
            return f"pod {key.name}: {report.state.message}"
    return ""


def _address(pod: Obj, token: str) -> PodAddress:
    labels = labels_of(pod)
    return PodAddress(
        namespace=namespace_of(pod),
        name=name_of(pod),
        uid=uid_of(pod),
        address=str((pod.get("status") or {}).get("podIP") or ""),
        token=token,
        agent=labels.get(AGENT_LABEL, ""),
        group=labels.get(GROUP_LABEL, ""),
        ready=is_ready(pod),
        going=is_going(pod),
    )
