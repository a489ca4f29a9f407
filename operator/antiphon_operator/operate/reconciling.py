"""One visit of an agent: gather what is known, judge it, bring its children there, tell what became of it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from antiphon_crds.agent import VoiceAgent
from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.errors import ConflictError, NotFoundError
from antiphon_operator.kube.resources import PODS, VOICE_AGENTS, Resource
from antiphon_operator.names import AGENT_LABEL, DELETION_COST_ANNOTATION, GROUP_LABEL
from antiphon_operator.objects import Obj, is_going, labels_of, namespace_of, uid_of
from antiphon_operator.operate.agent_status import Heard, Looped, Seen, agent_status
from antiphon_operator.operate.applying import Applier, Outcome
from antiphon_operator.operate.changes import only_counts, same
from antiphon_operator.operate.difference import stale
from antiphon_operator.operate.due import DueQueue
from antiphon_operator.operate.events import EventRecorder
from antiphon_operator.operate.judging import Judgement, Situation, Wish, at_rest, in_force, judge, unreadable
from antiphon_operator.operate.left_behind import current_token
from antiphon_operator.operate.metrics import Metrics
from antiphon_operator.operate.named import names_of
from antiphon_operator.operate.news import news
from antiphon_operator.operate.settings import OperatorSettings
from antiphon_operator.operate.voices import Voices
from antiphon_operator.operate.world import Key, World
from antiphon_operator.rendering.children import children
from antiphon_operator.rendering.plan import AgentPlan
from antiphon_policies.resolution import groups_of

log = logging.getLogger(__name__)

Due = tuple[str, Key]
"""What is due: an agent, or an object of the catalog, by the plural of its resource."""


def agent_due(key: Key) -> Due:
    return VOICE_AGENTS.plural, key


Version = tuple[str, str]
"""Of an object: its uid and resourceVersion."""


@dataclass
class Memory:
    """What is remembered of an agent between visits; nothing is lost when it is."""

    uid: str
    counts_written: float = float("-inf")
    """Loop time of the last write that changed nothing but counts."""
    actions_told: object = None
    """Actions of the control loop that the status was last written for; CRDs of an older version would not keep them."""


class Reconciler:
    """Level-triggered: what is to be done follows from the world as it is, not from what happened."""

    def __init__(
        self,
        kube: Kube,
        world: World,
        voices: Voices,
        due: DueQueue[Due],
        settings: OperatorSettings,
        metrics: Metrics,
        events: EventRecorder,
        now: Callable[[], datetime],
    ) -> None:
        self._kube = kube
        self._world = world
        self._voices = voices
        self._due = due
        self._settings = settings
        self._metrics = metrics
        self._events = events
        self._now = now
        self._applier = Applier(kube, world)
        self._memory: dict[Key, Memory] = {}
        self._heard_meanwhile: dict[Key, set[Version]] = {}
        """Children of agents that are being visited, as events told them."""
        self.wishes: dict[Key, Mapping[str, Wish]] = {}
        """What the control loop wants, by agent and group."""
        self.looped: dict[Key, Looped] = {}
        """What the control loop says."""
        self.plans: dict[Key, AgentPlan] = {}
        """What agents have become; those that are held back, or go, are missing. The control loop goes on from here."""
        self.serves_dra = False

    async def visit(self, key: Key) -> None:
        heard = self._heard_meanwhile[key] = set()
        try:
            with self._metrics.reconcile_seconds.time():
                result = await self._visit(key, heard)
        except BaseException:
            self._metrics.reconciles.labels("failed").inc()
            raise
        finally:
            del self._heard_meanwhile[key]
        self._metrics.reconciles.labels(result).inc()
        if heard:
            self._due.mark(agent_due(key))

    def hears(self, key: Key, child: Obj) -> bool:
        """Whether the agent is being visited just now: events often come before the answers to the writes that they tell of."""
        if (heard := self._heard_meanwhile.get(key)) is None:
            return False
        heard.add(_version(child))
        return True

    async def _visit(self, key: Key, heard: set[Version]) -> str:
        parsed = self._world.agents.parsed(key)
        if parsed is None:
            self._forget(key)
            return "settled"
        raw, uid = parsed.raw, uid_of(parsed.raw)
        self._remember(key, uid)
        self._note_names(key, raw)
        judgement = unreadable(parsed.problems)
        if parsed.object is not None:
            judgement = judge(self._situation(key, parsed.object, raw))
        if judgement.plan is not None and not is_going(raw) and self._must_be_told_first(key, raw):
            await self._tell(key, raw, judgement)
            self._due.mark(agent_due(key))
            return "changed"
        outcome = Outcome()
        if judgement.plan is not None and not is_going(raw):
            outcome = await self._become(key, uid, judgement.plan)
            if outcome.against:
                judgement = at_rest(judgement, outcome.against)
                self._due.mark(agent_due(key), self._settings.refused_seconds)
        became = judgement.plan if outcome.is_whole else None
        self._listen(key, became)
        if became is None or is_going(raw):
            self.plans.pop(key, None)
        else:
            self.plans[key] = became
        told = await self._tell(key, raw, judgement)
        heard -= {_version(child) for child in outcome.applied}
        return "changed" if outcome.changed or told else "settled" if judgement.plan else "held"

    def _must_be_told_first(self, key: Key, raw: Obj) -> bool:
        """Actions of the control loop are written down before they are carried out: if the operator dies in between, the next
        one counts an action too many, never one too few."""
        said = self.looped.get(key)
        if said is None or said.control is None:
            return False
        memory = self._memory[key]
        actions = said.control.to_manifest().get("actions", [])
        written = ((raw.get("status") or {}).get("control") or {}).get("actions", [])
        if actions in (written, memory.actions_told):
            return False
        memory.actions_told = actions
        return True

    def _remember(self, key: Key, uid: str) -> None:
        """Another agent of the same name begins anew: its tunings count from one again."""
        known = self._memory.get(key)
        if known is None or known.uid != uid:
            self._voices.forget(key)
            self._forget_loop(key)
            self._memory[key] = Memory(uid)

    def _forget_loop(self, key: Key) -> None:
        self.wishes.pop(key, None)
        self.looped.pop(key, None)
        self.plans.pop(key, None)

    def _forget(self, key: Key) -> None:
        self._memory.pop(key, None)
        self._forget_loop(key)
        self._applier.forget(self._world.children_of(key))
        self._voices.forget(key)
        self._world.note_wanted(key, {})
        self._due.forget(agent_due(key))
        self._mark_catalog(self._world.note_names(key, ()))

    # --- what it is to become ---------------------------------------------------------------------------------------

    def _situation(self, key: Key, agent: VoiceAgent, raw: Obj) -> Situation:
        """What is left of another agent of the same name, which is gone, says nothing about this one."""
        world = self._world
        children = [(kind, child) for kind, child in world.children_of(key) if not stale(child, uid_of(raw))]
        return Situation(
            agent=agent,
            catalog=world.catalog(),
            view=world.view(key[0], self.serves_dra),
            children=children,
            status=raw.get("status") or {},
            wishes=in_force(agent, self.wishes.get(key), children, [group.name for group in groups_of(agent)]),
            fresh_token=secrets.token_urlsafe(32),
            wanted_elsewhere=world.wanted_elsewhere(key),
            newer_tunings=self._voices.newer_tunings(key),
        )

    async def _become(self, key: Key, uid: str, plan: AgentPlan) -> Outcome:
        wanted = children(plan, self._settings.render)
        found = self._world.children_of(key)
        outcome = await self._applier.become(uid, wanted, self._mark_leaving)
        if outcome.again:
            self._due.mark(agent_due(key), 1.0)
        elif outcome.against is None:
            outcome.deleted += await self._applier.delete(uid, wanted, found)
        self._world.note_wanted(key, {group.choice.partition: group.replicas for group in plan.groups})
        return outcome

    async def _mark_leaving(self, deployment: Obj, replicas: int) -> None:
        """Kubernetes takes the pods with the lowest cost first: those with the fewest calls."""
        agent = (namespace_of(deployment), labels_of(deployment).get(AGENT_LABEL, ""))
        group = labels_of(deployment).get(GROUP_LABEL)
        pods = [pod for pod in self._world.pods_of(agent) if labels_of(pod).get(GROUP_LABEL) == group]
        leaving = int(deployment["spec"].get("replicas", 1)) - replicas
        costs = self._voices.leaving_costs(pods, leaving)
        patches = [
            self._kube.merge_patch(
                PODS,
                name,
                namespace_of(deployment),
                {"metadata": {"annotations": {DELETION_COST_ANNOTATION: str(cost)}}},
            )
            for name, cost in costs.items()
        ]
        for answer in await asyncio.gather(*patches, return_exceptions=True):
            if isinstance(answer, NotFoundError):
                continue
            if isinstance(answer, BaseException):
                raise answer

    # --- what is said of it -----------------------------------------------------------------------------------------

    def _listen(self, key: Key, plan: AgentPlan | None) -> None:
        """No tuning goes to pods that is not written down: who leads later would count it anew."""
        token = current_token(self._world.children_of(key), key[1])
        self._voices.attend(key, plan, self._world.pods_of(key), token)

    async def _tell(self, key: Key, raw: Obj, judgement: Judgement) -> bool:
        heard: Mapping[str, Heard] = self._voices.heard(key)
        seen = Seen(
            raw,
            judgement,
            self._world.children_of(key),
            self._world.pods_of(key),
            heard,
            self._settings.render.cluster_domain,
            self.looped.get(key),
        )
        status = agent_status(seen, self._now().strftime("%Y-%m-%dT%H:%M:%SZ"))
        before = raw.get("status") or {}
        if same(before, status) or self._may_wait(key, before, status):
            return False
        return await self._write_status(key, raw, status)

    def _may_wait(self, key: Key, before: Mapping[str, object], status: Obj) -> bool:
        if not only_counts(before, status):
            return False
        memory = self._memory[key]
        now = asyncio.get_running_loop().time()
        left = memory.counts_written + self._settings.counts_seconds - now
        if left > 0:
            self._due.mark(agent_due(key), left)
            return True
        memory.counts_written = now
        return False

    async def _write_status(self, key: Key, raw: Obj, status: Obj) -> bool:
        """With the uid: the status of another agent of the same name is not touched."""
        body = {
            "apiVersion": VOICE_AGENTS.api_version,
            "kind": VOICE_AGENTS.kind,
            "metadata": {"name": key[1], "namespace": key[0], "uid": uid_of(raw)},
            "status": status,
        }
        try:
            answer = await self._kube.apply(VOICE_AGENTS, body, force=True, subresource="status")
        except (NotFoundError, ConflictError) as error:
            log.info("agent %s/%s went meanwhile: %s", *key, error)
            return False
        self._world.accept(VOICE_AGENTS, answer)
        for told in news(raw.get("status") or {}, status):
            await self._events.tell(raw, told)
        if (raw.get("status") or {}).get("sla") != status.get("sla"):
            self._mark_catalog(self._world.names_of(key))
        return True

    # --- what it names ----------------------------------------------------------------------------------------------

    def _note_names(self, key: Key, raw: Obj) -> None:
        self._mark_catalog(self._world.note_names(key, names_of(raw)))

    def _mark_catalog(self, named: Iterable[tuple[Resource, str]]) -> None:
        for resource, name in named:
            self._due.mark((resource.plural, ("", name)), self._settings.catalog_settle_seconds)


def _version(obj: Obj) -> Version:
    return uid_of(obj), str(obj["metadata"].get("resourceVersion") or "")
