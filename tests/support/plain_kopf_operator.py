"""A plain kopf operator for VoiceAgents, as kopf's documentation teaches it: the peer of the benchmark.

Handlers of creation and update in threads, the official `kubernetes` client, `create` and on 409 `patch`, a status
through kopf's patch. It makes the same children as ours, by the same rendering; what differs is how it is driven.

    KUBECONFIG=FILE kopf run --all-namespaces --standalone plain_kopf_operator.py

Not in it: waiting for models and policies that come later, deletion of children that are no longer wanted, pods and
what they say, tuning, placement on GPUs, leader election, watching of its children.

Three of its settings can be tried by the environment; the defaults here are the best that was found:
PLAIN_CLIENT   fresh: an API client at each use, as in the documentation; shared: one for all; raw: one, answers unparsed
PLAIN_THREADS  threads for handlers; 6 is Python's own default on two cores
PLAIN_WORKERS  kopf's limit of objects that are worked on at once; none

Tried with 300 agents on two busy cores, CPU time of the operator for each agent, two runs: fresh with 6 threads 30 and 32 ms,
shared 26 and 25, raw 24 and 24; raw with 16 threads 29 and 24, with 32 26 and 25. A limit of 20 workers makes 4 agents a
second of 30: a worker that is done waits five seconds for more of its object. No Events are posted, and kopf logs no more
than warnings (--quiet).
"""

from __future__ import annotations

import os
import secrets
from typing import Any

import kopf
import kubernetes

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.control import Tuning
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.voicemodel import VoiceModel
from antiphon_operator.placing.choice import Choice
from antiphon_operator.rendering.children import children
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan, RenderSettings
from antiphon_policies.resolution import Catalog, Resolution, resolve

RETRY_SECONDS = 1
CLIENT = os.environ.get("PLAIN_CLIENT", "raw")
THREADS = int(os.environ.get("PLAIN_THREADS", "6"))
WORKERS = int(os.environ.get("PLAIN_WORKERS", "0")) or None
SETTINGS = RenderSettings(runtime_image="antiphon-runtime", operator_namespace="default")
_ONCE: dict[str, Any] = {}

Obj = dict[str, Any]


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.enabled = False
    settings.execution.max_workers = THREADS
    settings.queueing.worker_limit = WORKERS


@kopf.index("antiphon.dev", "v1alpha1", "voicemodels")
def models(name: str, body: kopf.Body, **_: Any) -> Any:
    return {name: VoiceModel.from_manifest(_without_status(body), ignore_unknown=True)}


@kopf.index("antiphon.dev", "v1alpha1", "slapolicies")
def policies(name: str, body: kopf.Body, **_: Any) -> Any:
    return {name: SLAPolicy.from_manifest(_without_status(body), ignore_unknown=True)}


@kopf.on.create("antiphon.dev", "v1alpha1", "voiceagents")
@kopf.on.update("antiphon.dev", "v1alpha1", "voiceagents")
def make_children(body: kopf.Body, namespace: str | None, patch: kopf.Patch, **indices: Any) -> None:
    agent = VoiceAgent.from_manifest(_without_status(body), ignore_unknown=True)
    resolution = resolve(agent, Catalog(policies=_known(indices["policies"]), models=_known(indices["models"])))
    if resolution.findings:
        raise kopf.TemporaryError("; ".join(finding.message for finding in resolution.findings), delay=RETRY_SECONDS)
    for child in children(_plan(resolution, str(body["metadata"]["uid"])), SETTINGS):
        _create_or_patch(child, namespace or "default")
    patch.status.update(_status(resolution, body))


def _without_status(body: kopf.Body) -> Obj:
    manifest: Obj = {name: value for name, value in body.items() if name != "status"}
    return {**manifest, "metadata": {k: v for k, v in manifest["metadata"].items() if k != "managedFields"}}


def _known(index: Any) -> Obj:
    return {name: next(iter(found)) for name, found in index.items()}


def _plan(resolution: Resolution, uid: str) -> AgentPlan:
    replicas = resolution.agent.spec.scaling.min_replicas
    groups = tuple(GroupPlan(group, Choice("CPU only"), replicas, Tuning(generation=1)) for group in resolution.groups)
    return AgentPlan(resolution, uid, secrets.token_urlsafe(32), groups=groups)


def _status(resolution: Resolution, body: kopf.Body) -> Obj:
    generation = body["metadata"]["generation"]
    accepted = {"type": "Accepted", "status": "True", "reason": "Valid", "message": ""}
    nothing_yet = {"replicas": 0, "readyReplicas": 0, "sessions": 0, "capacity": 0}
    groups = [{"name": group.name, "partition": "CPU only", **nothing_yet} for group in resolution.groups]
    return {
        "phase": "Starting",
        "observedGeneration": generation,
        "conditions": [{**accepted, "observedGeneration": generation}],
        "groups": groups,
    }


# --- the official client -------------------------------------------------------------------------------------------

_METHODS = {
    "ServiceAccount": ("CoreV1Api", "service_account"),
    "Secret": ("CoreV1Api", "secret"),
    "ConfigMap": ("CoreV1Api", "config_map"),
    "Service": ("CoreV1Api", "service"),
    "NetworkPolicy": ("NetworkingV1Api", "network_policy"),
    "PodDisruptionBudget": ("PolicyV1Api", "pod_disruption_budget"),
    "Deployment": ("AppsV1Api", "deployment"),
}


def _create_or_patch(child: Obj, namespace: str) -> None:
    group, word = _METHODS[child["kind"]]
    api = _api(group)
    more = {"_preload_content": False} if CLIENT == "raw" else {}
    try:
        getattr(api, f"create_namespaced_{word}")(namespace, child, **more)
    except kubernetes.client.ApiException as error:
        if error.status != 409:
            raise
        if child["kind"] == "Secret":
            return  # the token stays what it is
        getattr(api, f"patch_namespaced_{word}")(child["metadata"]["name"], namespace, child, **more)


def _api(group: str) -> Any:
    """kopf has configured the client already when it logged in."""
    if CLIENT == "fresh":
        return getattr(kubernetes.client, group)()
    if group not in _ONCE:
        client = _ONCE.setdefault("client", _shared_client())
        _ONCE[group] = getattr(kubernetes.client, group)(client)
    return _ONCE[group]


def _shared_client() -> Any:
    """With a connection for each thread."""
    configuration = kubernetes.client.Configuration.get_default_copy()
    configuration.connection_pool_maxsize = THREADS
    return kubernetes.client.ApiClient(configuration)
