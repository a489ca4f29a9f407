"""One visit to a Deployment: takes up or makes the ReplicaSet of its template, sizes it and those before it."""

from __future__ import annotations

import copy

from antiphon_sandbox.controllers import deployment_status as news
from antiphon_sandbox.controllers import pod_health, revisions, rollout
from antiphon_sandbox.controllers.pod_control import PODS
from antiphon_sandbox.controllers.replicasets import REPLICASETS
from antiphon_sandbox.kube import ApiError, Kube
from antiphon_sandbox.objects import (
    Obj,
    annotations_of,
    condition,
    controller_of,
    is_deleting,
    name_of,
    namespace_of,
    owned_by,
    uid_of,
    walk,
)

DEPLOYMENTS = "deployments.apps"


class Visit:
    """What the visit has found and done so far. `new` is the ReplicaSet of the present template, once there is one."""

    def __init__(self, kube: Kube, deployment: Obj, sets: list[Obj], source: str) -> None:
        self.kube = kube
        self.deployment = deployment
        self.limits = rollout.limits_of(deployment)
        self.new, self.old = revisions.split(deployment["spec"]["template"], sets)
        self.conditions: news.Conditions = walk(deployment, "status", "conditions") or []
        self.collisions = int(walk(deployment, "status", "collisionCount") or 0)
        self.was_refused = False
        self._source = source

    @property
    def is_paused(self) -> bool:
        return bool(self.deployment["spec"].get("paused"))

    @property
    def sets(self) -> list[Obj]:
        return [*self.old, *([self.new] if self.new else [])]

    def scene(self) -> news.Scene:
        return news.Scene(self.deployment, self.limits, self.new, self.old, self.conditions, self.kube.now())

    def write(self, status: Obj) -> Obj:
        """Leaves the status and the revision in the Deployment."""
        told = {**status, **({"collisionCount": self.collisions} if self.collisions else {})}
        written = self.kube.update_status(DEPLOYMENTS, {**self.deployment, "status": told})
        revision = str(revisions.revision_of(self.new)) if self.new else "0"
        if revision in ("0", annotations_of(written).get(revisions.REVISION)):
            return written
        change = {"metadata": {"annotations": {revisions.REVISION: revision}}}
        return self.kube.patch(DEPLOYMENTS, namespace_of(written), name_of(written), change)

    def note_pause(self) -> None:
        """Paused and resumed are progress of their own kind, so that the deadline does not count meanwhile."""
        current = condition({"status": {"conditions": self.conditions}}, "Progressing")
        reason = current["reason"] if current else ""
        if news.progress_deadline(self.deployment) is None or reason == news.PROGRESS_DEADLINE_EXCEEDED:
            return
        if self.is_paused and reason != news.DEPLOYMENT_PAUSED:
            self._progress("Unknown", news.DEPLOYMENT_PAUSED, "Deployment is paused")
        elif not self.is_paused and reason == news.DEPLOYMENT_PAUSED:
            self._progress("Unknown", "DeploymentResumed", "Deployment is resumed")

    def is_rescaled(self) -> bool:
        return revisions.is_rescaled(self.limits, self.sets)

    def rescale(self) -> None:
        """Follows the scale alone: the template is not looked at."""
        if self.new:
            self._take_up(self.new)
        active = [each for each in self.sets if each["spec"].get("replicas")]
        latest = self.new or (self.old[-1] if self.old else None)
        if len(active) > 1:
            self._rescale_all(active)
        elif only := active[0] if active else latest:
            self._size(only, self.limits.desired)
        if self.is_paused:
            self._clean_up()

    def _rescale_all(self, active: list[Obj]) -> None:
        """In the midst of a rollout; one whose newest ReplicaSet serves everybody already only has to be ended."""
        if self.new and self._is_saturated(self.new):
            sizes: rollout.Sizes = {name_of(each): 0 for each in active if each is not self.new}
        elif walk(self.deployment, "spec", "strategy", "type") == "Recreate":
            return
        else:
            shares = [share_of(each) for each in self._in_order_of_service(active)]
            sizes = rollout.resized(self.limits, shares, walk(self.deployment, "status", "replicas") or 0)
        self._size_all(sizes)

    def _is_saturated(self, new: Obj) -> bool:
        desired = self.limits.desired
        sized_for = revisions.number_of(new, revisions.DESIRED_REPLICAS)
        return share_of(new).replicas == sized_for == desired == share_of(new).available

    def _in_order_of_service(self, active: list[Obj]) -> list[Obj]:
        """Largest first; among equals the newer is the first to gain, the older the first to lose."""
        gains = self.limits.desired > 0 and self.limits.most > news.wanted(active)
        aged = revisions.by_age(active)
        return sorted(reversed(aged) if gains else aged, key=lambda each: -share_of(each).replicas)

    def roll(self) -> None:
        """Up first, as far as there is room; if there was none, down as far as availability allows."""
        new = self._ensure_new()
        if new is None:
            return
        old = [share_of(each) for each in self.old if each["spec"].get("replicas")]
        size = rollout.new_size(self.limits, share_of(new), old)
        if size != share_of(new).replicas:
            self._size(new, size)
        elif not self._size_all(rollout.old_sizes(self.limits, share_of(new), old)):
            self._clean_up_when_complete()

    def recreate(self) -> None:
        """Down to nothing, and when the last pod is gone, up."""
        if self._size_all({name_of(each): 0 for each in self.old}) or self._old_pods_remain():
            return
        new = self._ensure_new()
        if new and not self._size(new, self.limits.desired):
            self._clean_up_when_complete()

    def _old_pods_remain(self) -> bool:
        pods = [pod for each in self.old for pod in self.kube.owned(PODS, uid_of(each))]
        return any(not pod_health.is_finished(pod) for pod in pods)

    def _ensure_new(self) -> Obj | None:
        """The ReplicaSet of the present template; None if the API refuses it."""
        return self._take_up(self.new) if self.new else self._make()

    def _take_up(self, new: Obj) -> Obj:
        """The ReplicaSet is there: of this rollout, of an earlier one that is rolled back to, or adopted."""
        annotations = revisions.annotations_for(self.deployment, new, revisions.next_revision(self.old))
        seconds = int(self.deployment["spec"].get("minReadySeconds") or 0)
        if annotations != annotations_of(new) or seconds != int(new["spec"].get("minReadySeconds") or 0):
            new = self._patch(new, {"metadata": {"annotations": annotations}, "spec": {"minReadySeconds": seconds}})
        if not condition({"status": {"conditions": self.conditions}}, "Progressing"):
            self._progress("True", "FoundNewReplicaSet", f'Found new replica set "{name_of(new)}"')
        return new

    def _make(self) -> Obj | None:
        template = self.deployment["spec"]["template"]
        hashed = revisions.template_hash(template, self.collisions)
        made = self._describe(hashed)
        try:
            self.new = self.kube.create(REPLICASETS, made)
        except ApiError as error:
            self._refused(made, error)
            return None
        name, replicas = name_of(self.new), made["spec"]["replicas"]
        if replicas:
            self._record_size(name, 0, replicas)
        self._progress("True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
        return self.new

    def _describe(self, hashed: str) -> Obj:
        spec, name = copy.deepcopy(self.deployment["spec"]), f"{name_of(self.deployment)}-{hashed}"
        template, selector = spec["template"], spec["selector"]
        labels = {**(walk(template, "metadata", "labels") or {}), revisions.TEMPLATE_HASH: hashed}
        template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), revisions.TEMPLATE_HASH: hashed}
        annotations = revisions.annotations_for(self.deployment, None, revisions.next_revision(self.old))
        old = [share_of(each) for each in self.old]
        return {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": namespace_of(self.deployment),
                "labels": labels,
                "annotations": {**annotations, **revisions.size_annotations(self.limits)},
                "ownerReferences": [owned_by(self.deployment)],
            },
            "spec": {
                "replicas": rollout.new_size(self.limits, rollout.Share(name, 0, 0), old),
                "minReadySeconds": spec.get("minReadySeconds") or 0,
                "selector": selector,
                "template": template,
            },
        }

    def _refused(self, made: Obj, error: ApiError) -> None:
        """A name that somebody else has makes for another hash at the next visit."""
        if error.reason == "AlreadyExists":
            self.collisions += 1
            return
        namespace = self.kube.get("namespaces", "", namespace_of(self.deployment))
        if namespace and is_deleting(namespace):
            return
        self.was_refused = True
        message = f'Failed to create new replica set "{name_of(made)}": {error.message}'
        self._progress("False", "ReplicaSetCreateError", message)
        self.kube.record(self.deployment, "Warning", "ReplicaSetCreateError", message, self._source)

    def _size_all(self, sizes: rollout.Sizes) -> bool:
        """Whether any of them changed."""
        changes = [self._size(each, sizes[name_of(each)]) for each in self.sets if name_of(each) in sizes]
        return any(changes)

    def _size(self, replica_set: Obj, replicas: int) -> bool:
        """Whether the size changed. The ReplicaSet also remembers the scale it was sized for."""
        before, annotations = share_of(replica_set).replicas, annotations_of(replica_set)
        remembered = {**annotations, **revisions.size_annotations(self.limits)}
        if replicas == before and (remembered == annotations or not replicas):
            return False
        self._patch(replica_set, {"metadata": {"annotations": remembered}, "spec": {"replicas": replicas}})
        if replicas != before:
            self._record_size(name_of(replica_set), before, replicas)
        return replicas != before

    def _record_size(self, name: str, before: int, after: int) -> None:
        direction = "up" if after > before else "down"
        message = f"Scaled {direction} replica set {name} from {before} to {after}"
        self.kube.record(self.deployment, "Normal", "ScalingReplicaSet", message, self._source)

    def _patch(self, replica_set: Obj, change: Obj) -> Obj:
        patched = self.kube.patch(REPLICASETS, namespace_of(replica_set), name_of(replica_set), change)
        self.old = [patched if uid_of(each) == uid_of(patched) else each for each in self.old]
        if self.new and uid_of(self.new) == uid_of(patched):
            self.new = patched
        return patched

    def _progress(self, status: str, reason: str, message: str) -> None:
        if news.progress_deadline(self.deployment) is not None:
            now = self.kube.now()
            self.conditions = news.conditioned(self.conditions, "Progressing", status, reason, message, now)

    def _clean_up_when_complete(self) -> None:
        if news.is_complete(self.deployment, self.limits, self.deployment.get("status") or {}):
            self._clean_up()

    def _clean_up(self) -> None:
        for each in revisions.disposable(self.old, self.deployment["spec"].get("revisionHistoryLimit")):
            owner = controller_of(each)
            if owner and owner["uid"] == uid_of(self.deployment):
                self.kube.delete(REPLICASETS, namespace_of(each), name_of(each), uid=uid_of(each))
        present = {name_of(each) for each in self.kube.owned(REPLICASETS, uid_of(self.deployment))}
        self.old = [each for each in self.old if name_of(each) in present]


def share_of(replica_set: Obj) -> rollout.Share:
    replicas, available = news.wanted([replica_set]), news.total([replica_set], "availableReplicas")
    most_then = revisions.number_of(replica_set, revisions.MAX_REPLICAS)
    return rollout.Share(name_of(replica_set), replicas, available, most_then)
