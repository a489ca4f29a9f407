"""Do the pods of agents and operator run, and would a namespace take one?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from antiphon_operator.checks.check import Finding, failed, few, ok, skipped, warning, worst
from antiphon_operator.checks.cluster import Cluster, NotServedError
from antiphon_operator.kube.errors import ApiError, ForbiddenError
from antiphon_operator.kube.resources import EVENTS, PODS, Resource
from antiphon_operator.names import OURS
from antiphon_operator.objects import Obj, is_going, labels_of, name_of, namespace_of
from antiphon_operator.operate.pod_troubles import is_ready, troubles

SLOW_SECONDS = 120.0
"""In which volumes are mounted and images pulled, as a rule."""
_NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
_ENFORCE = "pod-security.kubernetes.io/enforce"
_ADVICE = {
    "ImagePullBackOff": "Check the image's name, that the registry can be reached, and runtime.imagePullSecrets.",
    "ErrImagePull": "Check the image's name, that the registry can be reached, and runtime.imagePullSecrets.",
    "InvalidImageName": "Correct the image's name.",
    "CreateContainerConfigError": "A Secret or ConfigMap that it mounts is missing; the message names it.",
    "CrashLoopBackOff": "`antiphon logs AGENT` shows why it ends.",
}
_OTHERWISE = "`kubectl describe pod` and `antiphon logs AGENT` say more."


async def check_pods(cluster: Cluster) -> Finding:
    namespace = cluster.scope.namespace or ""
    ours = await cluster.all_of(PODS, namespace, labels=OURS)
    with contextlib.suppress(ForbiddenError):
        ours = [*ours, *await cluster.operators(PODS)]
    pods = [pod for pod in ours if not is_going(pod)]
    if not pods:
        return skipped("there are no pods of agents or of the operator")
    findings = [finding for pod in pods for finding in _in_trouble(pod)]
    for pod in pods:
        findings += await _slow(cluster, pod)
    ready = sum(is_ready(pod) for pod in pods)
    waiting = f"; {len(pods) - ready} are starting" if ready < len(pods) else ""
    return worst(findings, ok(f"{ready} of {len(pods)} pods are ready{waiting}"))


async def check_pod_security(cluster: Cluster) -> Finding:
    namespaces = await cluster.agent_namespaces() or [cluster.default_namespace]
    findings, levels = [], []
    for namespace in namespaces:
        found = await cluster.find(_NAMESPACES, namespace)
        if found is None:
            findings.append(failed(f"there is no namespace {namespace}", f"`kubectl create namespace {namespace}`."))
            continue
        levels.append(f"{namespace} ({labels_of(found).get(_ENFORCE) or 'no level'})")
        findings += [
            finding
            for image in await _image_volumes(cluster, namespace)
            for finding in await _refused(cluster, namespace, image)
        ]
    return worst(findings, ok(f"a pod like an agent's is taken in {few(levels)}"))


def probe_pod(image_volume: str = "") -> Obj:
    """Meets the Pod Security Standard "restricted", as the pods of agents do. Never made: it is only asked about."""
    container = {
        "name": "voice",
        "image": "antiphon.dev/probe:never-pulled",
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "16Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    volumes = [{"name": "models", "image": {"reference": image_volume}}] if image_volume else []
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": security, "automountServiceAccountToken": False}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "antiphon-doctor-"},
        "spec": {**spec, **({"volumes": volumes} if volumes else {})},
    }


async def _image_volumes(cluster: Cluster, namespace: str) -> list[str]:
    """Images that agents there take their models from, and none at all."""
    try:
        agents = [agent for agent in await cluster.agents() if namespace_of(agent) == namespace]
    except (NotServedError, ForbiddenError):
        return [""]
    caches = [agent["spec"].get("runtime", {}).get("modelCache") or {} for agent in agents]
    return ["", *sorted({cache["image"] for cache in caches if cache.get("image")})]


async def _refused(cluster: Cluster, namespace: str, image: str) -> list[Finding]:
    """What the API server says of such a pod: Pod Security, quotas, webhooks. Nothing is made."""
    try:
        await cluster.ask(f"/api/v1/namespaces/{namespace}/pods?dryRun=All", probe_pod(image))
    except ApiError as error:
        if isinstance(error, ForbiddenError) and "cannot create resource" in str(error):
            return []  # we may not make pods; the Deployment's controller may
        if error.status >= 500 or not error.status:
            return [warning(f"{namespace} may refuse an agent's pod: {error}", "An admission webhook may be broken.")]
        advice = "Change the namespace's labels, quota or policy so that it takes pods that are `restricted`."
        if image:
            advice += " Where models come from an image, a claim may be taken instead."
        return [failed(f"{namespace} would refuse an agent's pod: {error}", advice)]
    return []


def _in_trouble(pod: Obj) -> Iterator[Finding]:
    for trouble in troubles([pod]):
        advice = next((advice for word, advice in _ADVICE.items() if word in trouble.message), _OTHERWISE)
        if trouble.reason.name == "Unschedulable":
            advice = trouble.reason.advice
        yield failed(f"{namespace_of(pod)}: {trouble.message}", advice)


async def _slow(cluster: Cluster, pod: Obj) -> list[Finding]:
    """Pods whose container has not been made for a while: what waits is in their Events alone."""
    created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).astimezone(UTC)
    age = (cluster.now() - created).total_seconds()
    states = (pod.get("status") or {}).get("containerStatuses") or ()
    waiting = [(state.get("state") or {}).get("waiting") or {} for state in states]
    is_making = any(each.get("reason") in ("ContainerCreating", "PodInitializing") for each in waiting)
    if not is_making or age < SLOW_SECONDS:
        return []
    fields = f"involvedObject.name={name_of(pod)},type=Warning"
    events = await cluster.all_of(EVENTS, namespace_of(pod), fields=fields)
    told = events[-1].get("message") if events else "nothing is told"
    message = f"{namespace_of(pod)}: pod {name_of(pod)} has been made for {age:.0f} s: {told}"
    return [warning(message, _OTHERWISE)]
