"""Which ReplicaSet belongs to a Deployment's template, and the revisions that `kubectl rollout` counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from antiphon_sandbox.controllers.rollout import Limits
from antiphon_sandbox.objects import Obj, annotations_of, name_of

TEMPLATE_HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
NOT_INHERITED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
}
REVISION_HISTORY_LENGTH = 2000
SAFE_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # they spell no words


def template_hash(template: Obj, collisions: int = 0) -> str:
    """Equal for equal templates; `collisions` makes another one of the same template."""
    text = json.dumps([_bare(template), collisions], sort_keys=True)
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
    return "".join(SAFE_LETTERS[ord(digit) % len(SAFE_LETTERS)] for digit in str(number))


def is_same_template(one: Obj, other: Obj) -> bool:
    """Apart from the hash label; an empty list or map is the same as none."""
    return bool(_bare(one) == _bare(other))


def _bare(template: Obj) -> Any:
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != TEMPLATE_HASH}
    return _without_empty({**template, "metadata": {**metadata, "labels": labels}})


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = ((key, _without_empty(inner)) for key, inner in value.items())
        return {key: inner for key, inner in kept if inner not in (None, {}, [])}
    if isinstance(value, list):
        return [_without_empty(inner) for inner in value]
    return value


def by_age(sets: Iterable[Obj]) -> list[Obj]:
    """Oldest first."""
    return sorted(sets, key=lambda each: (each["metadata"]["creationTimestamp"], name_of(each)))


def split(template: Obj, sets: Iterable[Obj]) -> tuple[Obj | None, list[Obj]]:
    """The ReplicaSet of that template, the oldest if there are several, and all the others, oldest first."""
    aged = by_age(sets)
    new = next((each for each in aged if is_same_template(each["spec"]["template"], template)), None)
    return new, [each for each in aged if each is not new]


def number_of(obj: Obj, annotation: str) -> int:
    """The number in an annotation; 0 without one and when it is none."""
    text = annotations_of(obj).get(annotation, "")
    return int(text) if text.isdecimal() else 0


def revision_of(obj: Obj) -> int:
    return number_of(obj, REVISION)


def next_revision(old: Sequence[Obj]) -> int:
    return max(map(revision_of, old), default=0) + 1


def annotations_for(deployment: Obj, new: Obj | None, revision: int) -> dict[str, str]:
    """What the newest ReplicaSet is to be annotated with; an old one that is taken up again remembers what it was."""
    present = annotations_of(new) if new else {}
    inherited = {key: value for key, value in annotations_of(deployment).items() if key not in NOT_INHERITED}
    annotations = {**present, **inherited}
    if new and revision_of(new) >= revision:
        return annotations
    if new and REVISION in present:
        annotations[REVISION_HISTORY] = _with_history(present.get(REVISION_HISTORY, ""), present[REVISION])
    return {**annotations, REVISION: str(revision)}


def _with_history(history: str, revision: str) -> str:
    """The oldest go when the text grows too long."""
    revisions = [*filter(None, history.split(",")), revision]
    while len(",".join(revisions)) > REVISION_HISTORY_LENGTH:
        revisions.pop(0)
    return ",".join(revisions)


def size_annotations(limits: Limits) -> dict[str, str]:
    """What a ReplicaSet remembers of the Deployment's scale, to tell a change of scale from a rollout."""
    return {DESIRED_REPLICAS: str(limits.desired), MAX_REPLICAS: str(limits.most)}


def is_rescaled(limits: Limits, sets: Iterable[Obj]) -> bool:
    """Whether the Deployment wants another number than when its ReplicaSets were sized."""
    return any(
        each["spec"].get("replicas")
        and DESIRED_REPLICAS in annotations_of(each)
        and number_of(each, DESIRED_REPLICAS) != limits.desired
        for each in sets
    )


def disposable(old: Sequence[Obj], limit: int | None) -> list[Obj]:
    """Old ReplicaSets beyond the revisionHistoryLimit, lowest revision first, if they are idle; None keeps all."""
    present = [each for each in old if "deletionTimestamp" not in each["metadata"]]
    if limit is None or len(present) <= limit:
        return []
    surplus = sorted(present, key=lambda each: (revision_of(each), each["metadata"]["creationTimestamp"]))
    return [each for each in surplus[: len(present) - limit] if _is_idle(each)]


def _is_idle(replica_set: Obj) -> bool:
    status, generation = replica_set.get("status") or {}, replica_set["metadata"].get("generation", 0)
    seen = status.get("observedGeneration", 0) >= generation
    return seen and not status.get("replicas") and not replica_set["spec"].get("replicas")
