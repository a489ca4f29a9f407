"""Is everything there that agents name: policies, models, pools, claims, Secrets?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import TypeVar

from pydantic import ValidationError

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.base import Contract
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.problems import field_path
from antiphon_crds.voicemodel import VoiceModel
from antiphon_operator.checks.check import Finding, counted, failed, ok, skipped, warning, worst
from antiphon_operator.checks.cluster import Cluster
from antiphon_operator.kube.errors import ForbiddenError
from antiphon_operator.kube.resources import GPU_POOLS, SECRETS, SLA_POLICIES, VOICE_MODELS, Resource
from antiphon_operator.objects import Obj, name_of, namespace_of
from antiphon_policies.resolution import Catalog, resolve

CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_APPLY = "Apply what is missing, or name another; presets are in policies/."
C = TypeVar("C", bound=Contract)


async def check_references(cluster: Cluster) -> Finding:
    policies, models, pools, agents = await asyncio.gather(
        cluster.all_of(SLA_POLICIES), cluster.all_of(VOICE_MODELS), cluster.all_of(GPU_POOLS), cluster.agents()
    )
    if not agents:
        return skipped("there is no VoiceAgent yet")
    unreadable: list[Finding] = []
    catalog = Catalog(
        {one.metadata.name: one for one in _read(SLAPolicy, policies, unreadable)},
        {one.metadata.name: one for one in _read(VoiceModel, models, unreadable)},
        {one.metadata.name: one for one in _read(GPUPool, pools, unreadable)},
    )
    known = list(_read(VoiceAgent, agents, unreadable))
    findings = [*unreadable, *(finding for agent in known for finding in _unfit(agent, catalog))]
    findings += [finding for agent in known for finding in await _absent(cluster, agent)]
    return worst(findings, ok(f"{counted(len(agents), 'agent')}: all that is named is there and fits together"))


async def check_storage(cluster: Cluster) -> Finding:
    """Only claims that agents name: others are none of our business."""
    named = {
        (namespace_of(agent), cache["claim"])
        for agent in await cluster.agents()
        if (cache := agent["spec"].get("runtime", {}).get("modelCache") or {}).get("claim")
    }
    if not named:
        return skipped("no agent keeps its models on a PersistentVolumeClaim")
    found = [await cluster.find(CLAIMS, claim, namespace) for namespace, claim in sorted(named)]
    claims = [claim for claim in found if claim is not None]
    classes = await cluster.all_of(STORAGE_CLASSES)
    findings = [finding for claim in claims for finding in _unbound(claim, classes)]
    return worst(findings, ok(f"{counted(len(claims), 'claim')} with models: bound, or will be when pods come"))


def _read(kind: type[C], objects: Iterable[Obj], unreadable: list[Finding]) -> Iterator[C]:
    for obj in objects:
        try:
            yield kind.model_validate(obj)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"]))
            message = f"{kind.__name__} {name_of(obj)} can't be read by this version: {where}: {first['msg']}"
            unreadable.append(warning(message, "Compare versions: `antiphon doctor --only crds`."))


def _unfit(agent: VoiceAgent, catalog: Catalog) -> Iterator[Finding]:
    for found in resolve(agent, catalog).findings:
        where = f"{agent.metadata.namespace}/{agent.metadata.name}: {field_path(found.field)}: {found.message}"
        yield failed(where, _APPLY if found.missing else "Change that field.")


async def _absent(cluster: Cluster, agent: VoiceAgent) -> list[Finding]:
    """Of what the operator does not look for: pods that name it wait until it is there."""
    namespace, runtime = agent.metadata.namespace or "", agent.spec.runtime
    secrets = [*runtime.image_pull_secrets, *([agent.spec.access.api_keys.name] if agent.spec.access.api_keys else [])]
    wanted = [(SECRETS, name) for name in secrets]
    if runtime.model_cache.claim:
        wanted.append((CLAIMS, runtime.model_cache.claim))
    found = []
    for resource, name in wanted:
        if not await _is_there(cluster, resource, name, namespace):
            message = f"{namespace}/{agent.metadata.name}: there is no {resource.kind} {name}"
            found.append(failed(message, f"Create it in namespace {namespace}: pods wait for it."))
    return found


async def _is_there(cluster: Cluster, resource: Resource, name: str, namespace: str) -> bool:
    """Also where we may not look: many may see no Secrets."""
    try:
        return await cluster.find(resource, name, namespace) is not None
    except ForbiddenError:
        return True


def _unbound(claim: Obj, classes: list[Obj]) -> Iterator[Finding]:
    phase = (claim.get("status") or {}).get("phase")
    name = f"{namespace_of(claim)}/{name_of(claim)}"
    wanted = claim["spec"].get("storageClassName")
    known = {name_of(one): one for one in classes}
    if phase == "Lost":
        yield failed(f"claim {name} has lost its volume", "Delete and make it anew: models are fetched again.")
    if phase != "Pending" or claim["spec"].get("volumeName"):
        return
    if wanted is None and not any(_is_default(one) for one in classes):
        advice = f"Annotate one as default ({_DEFAULT_CLASS}), or name one in the claim."
        yield failed(f"claim {name} waits: it names no StorageClass and there is no default one", advice)
    elif wanted and wanted not in known:
        message = f"claim {name} waits for StorageClass {wanted}, which does not exist"
        yield failed(message, f"Create it, or use one of {', '.join(known) or 'none: there is no StorageClass'}.")
    elif not wanted or known[wanted].get("volumeBindingMode") != "WaitForFirstConsumer":
        yield warning(f"claim {name} waits for a volume", f"`kubectl -n {namespace_of(claim)} describe pvc` says why.")


def _is_default(storage_class: Obj) -> bool:
    return (storage_class["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
