"""What of a namespace must be the same after an operator was disturbed as when it was not."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from watching import Obj

from cluster import Cluster

GROUP = "/apis/antiphon.dev/v1alpha1"
OURS = "app.kubernetes.io/managed-by=antiphon,antiphon.dev/agent"
CHILDREN = {
    "ServiceAccount": "/api/v1/{}/serviceaccounts",
    "Secret": "/api/v1/{}/secrets",
    "ConfigMap": "/api/v1/{}/configmaps",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/{}/networkpolicies",
    "PodDisruptionBudget": "/apis/policy/v1/{}/poddisruptionbudgets",
    "Service": "/api/v1/{}/services",
    "Deployment": "/apis/apps/v1/{}/deployments",
}
PODS = {"ReplicaSet": "/apis/apps/v1/{}/replicasets", "Pod": "/api/v1/{}/pods"}
_KEPT_OF_METADATA = ("name", "labels", "annotations", "generation")
_TIMES = re.compile(r"[tT]ime(stamp)?$")
_ALLOCATED = frozenset({"clusterIP", "clusterIPs", "uid", "resourceVersion"})
_POD_NAME = re.compile(r"\bpod [-a-z0-9]+: .*")
_DELIVERY = frozenset({"Tuning", "TuningRefused"})
_COUNTED = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")

Key = tuple[str, str]
"""Kind and name."""
Comparable = dict[Key, dict[str, Any]]
"""Of each object, the value of each of its fields, by the field's path."""


@dataclass
class Tokens:
    """Control tokens are drawn: worlds differ in what they are, not in when an agent gets another one."""

    _known: dict[str, list[str]] = field(default_factory=dict)

    def ordinal(self, secret: Obj) -> int:
        """The how many-th token of the Secret of that name this is."""
        known = self._known.setdefault(f"{secret['metadata']['name']} {_owner_uid(secret)}", [])
        token = str(secret.get("data"))
        if token not in known:
            known.append(token)
        return len(known)


def comparable(cluster: Cluster, namespace: str, tokens: Tokens) -> Comparable:
    """All agents with their children and what Deployments made of those, and what models say of their use."""
    found: Comparable = {}
    agents = _items(cluster, f"{GROUP}/namespaces/{namespace}/voiceagents")
    living = {str(agent["metadata"]["uid"]) for agent in agents}
    for agent in agents:
        found["VoiceAgent", agent["metadata"]["name"]] = dict(_fields(_agent(agent)))
    for kind, obj in children(cluster, namespace):
        found[kind, obj["metadata"]["name"]] = dict(_fields(_child(kind, obj, tokens, living)))
    for name, number in _pods(cluster, namespace).items():
        found["pods of", name] = {"": number}
    for model in _items(cluster, f"{GROUP}/voicemodels"):
        found["VoiceModel", model["metadata"]["name"]] = dict(_fields(_common(model)))
    return found


def children(cluster: Cluster, namespace: str) -> Iterator[tuple[str, Obj]]:
    """All that operators made, whose ever it is."""
    for kind, path in CHILDREN.items():
        for obj in _items(cluster, path.format(f"namespaces/{namespace}"), labelSelector=OURS):
            yield kind, obj


def differences(one: Comparable, other: Comparable) -> list[str]:
    found = []
    for key in sorted(one.keys() | other.keys()):
        mine, theirs = one.get(key), other.get(key)
        if mine is None or theirs is None:
            found.append(f"{key[0]} {key[1]}: only in {'the second' if mine is None else 'the first'}")
            continue
        paths = (path for path in sorted(mine.keys() | theirs.keys()) if mine.get(path) != theirs.get(path))
        found += [f"{key[0]} {key[1]}{path}: {mine.get(path)!r} != {theirs.get(path)!r}" for path in paths]
    return found


def orphans(cluster: Cluster, namespace: str) -> list[str]:
    """Of agents' children, their ReplicaSets and pods: those without an owner, or whose owner is not there."""
    living = {agent["metadata"]["uid"] for agent in _items(cluster, f"{GROUP}/namespaces/{namespace}/voiceagents")}
    found = [*children(cluster, namespace)]
    for kind, path in PODS.items():
        found += [(kind, obj) for obj in _items(cluster, path.format(f"namespaces/{namespace}"), labelSelector=OURS)]
    living |= {obj["metadata"]["uid"] for _, obj in found}
    return [
        f"{kind} {obj['metadata']['name']}"
        for kind, obj in found
        if not (owners := {owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ()}) or owners - living
    ]


def _items(cluster: Cluster, path: str, **query: str) -> list[Obj]:
    answer = cluster.request("GET", path, query=query)
    assert answer.status == 200, answer
    return list(answer.body["items"])


def _pods(cluster: Cluster, namespace: str) -> Counter[str]:
    """How many by the ReplicaSet that made them; those that are going apart."""
    pods = _items(cluster, PODS["Pod"].format(f"namespaces/{namespace}"), labelSelector=OURS)
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return Counter(pod["metadata"]["ownerReferences"][0]["name"] for pod in staying)


def _agent(agent: Obj) -> Obj:
    """Pods of hollow nodes hear no tuning: at what moment the operator says so is nobody's promise."""
    plain = _common(agent)
    plain["status"] = status = dict(agent.get("status") or {})
    status["conditions"] = {one["type"]: _condition(one) for one in status.get("conditions") or ()}
    status.pop("stages", None)
    if "tuning" in status:
        status["tuning"] = _uncounted(status["tuning"])
    return plain


def _condition(condition: Obj) -> Obj:
    said = {**condition, "message": _POD_NAME.sub("of a pod", condition["message"])}
    if condition["type"] == "Steady" and condition["reason"] in _DELIVERY:
        said |= {"reason": "Tuning", "message": ""}
    return said


def _child(kind: str, child: Obj, tokens: Tokens, living: set[str]) -> Obj:
    plain = _common(child)
    plain["owners"] = [
        f"{one['kind']} {one['name']}" if one["uid"] in living else "gone"
        for one in child["metadata"].get("ownerReferences") or ()
    ]
    plain["metadata"]["annotations"].pop("antiphon.dev/content", None)  # a digest of the owner's uid, too
    if kind == "Secret":
        plain["data"] = f"token {tokens.ordinal(child)}"
    if kind == "ConfigMap":
        plain["data"] = {name: _configuration(text) for name, text in child["data"].items()}
    if kind == "ServiceAccount":
        plain.pop("secrets", None)  # old controllers make a token for each
    status = plain.pop("status", None) or {}
    if kind == "Deployment":
        plain["status"] = {name: status.get(name) for name in _COUNTED}
        plain["status"]["observed"] = status.get("observedGeneration") == child["metadata"]["generation"]
    return plain


def _configuration(text: str) -> Obj:
    config: Obj = json.loads(text)
    return {**config, "tuning": _uncounted(config["tuning"])}


def _uncounted(tuning: Obj) -> Obj:
    """Generations order tunings; one more than undisturbed, after a crash, changes nothing that a pod runs with."""
    return {name: value for name, value in tuning.items() if name != "generation"}


def _common(obj: Obj) -> Obj:
    metadata = {name: obj["metadata"].get(name) for name in _KEPT_OF_METADATA}
    metadata["annotations"] = dict(metadata["annotations"] or {})
    return {**{name: value for name, value in obj.items() if name != "metadata"}, "metadata": metadata}


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves. Times and what the server allots are left out; what is empty is as if it were not there."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not _TIMES.search(name) and name not in _ALLOCATED:
                yield from _fields(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _fields(inner, f"{path}[{index}]")
    elif value not in (None, ""):
        yield path, value


def _owner_uid(obj: Obj) -> str:
    return next((str(owner["uid"]) for owner in obj["metadata"].get("ownerReferences") or ()), "")
