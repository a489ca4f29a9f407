"""Brings the children of one agent to what they are to be: applies what differs, deletes what is not wanted any more."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.errors import ConflictError, ForbiddenError, InvalidError
from antiphon_operator.kube.resources import CHILDREN, DEPLOYMENTS, Resource
from antiphon_operator.objects import Obj, is_going, name_of, namespace_of, uid_of
from antiphon_operator.operate import reasons
from antiphon_operator.operate.conditions import Verdict, verdict
from antiphon_operator.operate.difference import differs, digest_of, made_by_another, owned_by, stale
from antiphon_operator.operate.world import Key, World, agent_key_of, key_of

log = logging.getLogger(__name__)

_BY_KIND = {resource.kind: resource for resource in CHILDREN}

BeforeFewer = Callable[[Obj, int], Awaitable[None]]
"""Called with the Deployment as it is and its replicas to be, just before it gets fewer."""


@dataclass
class Outcome:
    """What applying came to."""

    applied: list[Obj] = field(default_factory=list)
    deleted: list[Obj] = field(default_factory=list)
    against: Verdict | None = None
    """What stands against the rest."""
    again: bool = False
    """Something has to go first; the next visit goes on."""

    @property
    def is_whole(self) -> bool:
        """All children are as they shall be."""
        return self.against is None and not self.again

    @property
    def changed(self) -> bool:
        return bool(self.applied or self.deleted)


class Applier:
    """Writes children. What the API server answers is put into the world at once: nothing is written twice for want of news."""

    def __init__(self, kube: Kube, world: World) -> None:
        self._kube = kube
        self._world = world
        self._left_as: dict[str, tuple[str, str]] = {}
        """Of each child, by uid: its version after our last write, and the digest of what we wrote."""
        self._making: dict[tuple[Resource, Key], Key | None] = {}
        """Children that are being made just now, and for which agent: all are ours to the API server, which sees no conflict."""

    async def become(self, agent_uid: str, wanted: Sequence[Obj], before_fewer: BeforeFewer) -> Outcome:
        """In the order of `wanted`; what is left over goes last."""
        outcome = Outcome()
        for child in wanted:
            await self._settle(agent_uid, child, before_fewer, outcome)
            if outcome.against or outcome.again:
                return outcome
        return outcome

    async def delete(self, agent_uid: str, kept: Iterable[Obj], found: Sequence[tuple[Resource, Obj]]) -> list[Obj]:
        """All of the agent's own that is not kept. Only what we have seen as it is now, by uid and version."""
        names = {(child["kind"], name_of(child)) for child in kept}
        gone = []
        for resource, child in found:
            left_over = (resource.kind, name_of(child)) not in names
            if left_over and owned_by(child, agent_uid) and not is_going(child):
                await self._delete(resource, child)
                gone.append(child)
        return gone

    async def _settle(self, agent_uid: str, wanted: Obj, before_fewer: BeforeFewer, outcome: Outcome) -> None:
        resource = _BY_KIND[wanted["kind"]]
        found = self._world.store(resource).get(key_of(wanted))
        agent = agent_key_of(wanted)
        owner = agent_key_of(found) if found is not None else self._making.get((resource, key_of(wanted)), agent)
        if owner != agent:
            told = f"{resource.kind} {name_of(wanted)} belongs to agent {(owner or ('', '?'))[1]}"
            outcome.against = verdict(reasons.NAME_TAKEN, [told])
            return
        if found is not None and (stale(found, agent_uid) or is_going(found)):
            if not is_going(found):
                await self._delete(resource, found)
            outcome.again = True
            return
        if found is not None and not self._has_to_be_written(wanted, found):
            return
        if found is not None and resource is DEPLOYMENTS and _fewer(wanted, found):
            await before_fewer(found, int(wanted["spec"]["replicas"]))
        await self._apply(resource, wanted, found, outcome)

    def _has_to_be_written(self, wanted: Obj, found: Obj) -> bool:
        """What is still as our own write of just this left it is as good as it gets, whatever the API server made of it."""
        as_written = self._left_as.get(uid_of(found)) == (found["metadata"].get("resourceVersion"), digest_of(wanted))
        return not as_written and differs(wanted, found)

    async def _apply(self, resource: Resource, wanted: Obj, found: Obj | None, outcome: Outcome) -> None:
        """What nobody was seen to have made is not taken by force: it may be somebody else's."""
        made = (resource, key_of(wanted))
        self._making[made] = agent_key_of(wanted)
        try:
            answer = await self._written(resource, wanted, found)
            if found is None and made_by_another(answer):
                await self._kube.apply(resource, _without_content(wanted))
                told = f"{resource.kind} {name_of(wanted)} is there already, and was made by somebody else"
                outcome.against = verdict(reasons.NAME_TAKEN, [told])
                return
            self._world.accept(resource, answer)
        except ConflictError as error:
            if found is not None:
                raise
            outcome.against = verdict(reasons.NAME_TAKEN, [f"{resource.kind} {name_of(wanted)}: {error.message}"])
            return
        except (InvalidError, ForbiddenError) as error:
            outcome.against = verdict(reasons.REFUSED, [f"{resource.kind} {name_of(wanted)}: {error.message}"])
            return
        finally:
            self._making.pop(made, None)
        self._left_as[uid_of(answer)] = (answer["metadata"]["resourceVersion"], digest_of(wanted))
        outcome.applied.append(answer)

    def forget(self, children: Iterable[tuple[Resource, Obj]]) -> None:
        for _, child in children:
            self._left_as.pop(uid_of(child), None)

    async def _written(self, resource: Resource, wanted: Obj, found: Obj | None) -> Obj:
        """Somebody's item beside ours can make a list invalid, such as a second port of the same name: then it has to go."""
        try:
            return await self._kube.apply(resource, wanted, force=found is not None, repeat=found is not None)
        except InvalidError:
            if found is None or "spec" not in wanted:
                raise
            await self._kube.merge_patch(
                resource,
                name_of(wanted),
                namespace_of(wanted),
                {"metadata": {"uid": uid_of(found)}, "spec": wanted["spec"]},
            )
            return await self._kube.apply(resource, wanted, force=True)

    async def _delete(self, resource: Resource, child: Obj) -> None:
        """A conflict: it is not what we have seen any more, so it is looked at again first."""
        try:
            await self._kube.delete(
                resource,
                name_of(child),
                namespace_of(child),
                uid=uid_of(child),
                resource_version=child["metadata"]["resourceVersion"],
            )
        except ConflictError as error:
            log.info("%s %s/%s was not deleted yet: %s", resource.kind, *key_of(child), error)


def _without_content(wanted: Obj) -> Obj:
    """Applied, it gives back every field that we have: what others have stays."""
    where = {"name": name_of(wanted), "namespace": namespace_of(wanted)}
    return {"apiVersion": wanted["apiVersion"], "kind": wanted["kind"], "metadata": where}


def _fewer(wanted: Obj, found: Obj) -> bool:
    return int(wanted["spec"]["replicas"]) < int(found["spec"].get("replicas", 1))
