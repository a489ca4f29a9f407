"""Checks of what makes pods."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon_sandbox.api.builtin_checks import (
    at_most_all,
    count_or_percent,
    forbidden,
    label_selector,
    not_negative,
    required,
    unchanged,
    unsupported,
)
from antiphon_sandbox.api.builtin_pods import template
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.schema_checks import invalid
from antiphon_sandbox.objects import Obj, selector_matches

_MISMATCH = "`selector` does not match template `labels`"
_STATEFUL_SAYS = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_STATEFUL_FREE = frozenset(
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    }
)


def _selected_template(spec: Obj, kind: str) -> Iterator[Cause]:
    """A selector that is not empty, and a template whose pods it selects and that run for ever."""
    selector, found = spec.get("selector"), spec["template"]
    pod_labels = found["metadata"].get("labels") or {}
    if selector is None:
        yield required("spec.selector")
    else:
        causes = list(label_selector(selector, "spec.selector"))
        yield from causes
        if not any(selector.values()):
            yield invalid(selector, f"empty selector is invalid for {kind}", "spec.selector")
        elif not causes and not selector_matches(selector, pod_labels):
            yield invalid(pod_labels, _MISMATCH, "spec.template.metadata.labels")
    yield from template(found, "spec.template")
    yield from _runs_for_ever(found["spec"])


def _runs_for_ever(spec: Obj) -> Iterator[Cause]:
    if spec["restartPolicy"] in ("OnFailure", "Never"):
        yield unsupported(spec["restartPolicy"], ("Always",), "spec.template.spec.restartPolicy")
    if "activeDeadlineSeconds" in spec:
        says = "activeDeadlineSeconds in ReplicaSet is not Supported"
        yield forbidden(says, "spec.template.spec.activeDeadlineSeconds")


def deployment(found: Obj, old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    yield from not_negative(spec, ("replicas",), "spec")
    yield from _selected_template(spec, "deployment")
    yield from _deployment_strategy(spec["strategy"], "spec.strategy")
    yield from not_negative(spec, ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"), "spec")
    patience = spec.get("progressDeadlineSeconds")
    if patience is not None and patience <= spec.get("minReadySeconds", 0):
        yield invalid(patience, "must be greater than minReadySeconds", "spec.progressDeadlineSeconds")
    if old is not None:
        yield from unchanged(spec, old["spec"], ("selector",), "spec")


def _deployment_strategy(strategy: Obj, path: str) -> Iterator[Cause]:
    kind, rolling = strategy["type"], strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            says = "may not be specified when strategy `type` is 'Recreate'"
            yield forbidden(says, f"{path}.rollingUpdate")
    elif kind != "RollingUpdate":
        yield unsupported(kind, ("Recreate", "RollingUpdate"), f"{path}.type")
    else:
        yield from _rolling(rolling or {}, f"{path}.rollingUpdate")


def _rolling(rolling: Obj, path: str) -> Iterator[Cause]:
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    yield from count_or_percent(unavailable, f"{path}.maxUnavailable")
    yield from count_or_percent(surge, f"{path}.maxSurge")
    if unavailable in (0, "0%") and surge in (0, "0%"):
        yield invalid(unavailable, "may not be 0 when `maxSurge` is 0", f"{path}.maxUnavailable")
    yield from at_most_all(unavailable, f"{path}.maxUnavailable")


def replica_set(found: Obj, old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    yield from not_negative(spec, ("replicas", "minReadySeconds"), "spec")
    yield from _selected_template(spec, "deployment")  # upstream's word for both
    if old is not None:
        yield from unchanged(spec, old["spec"], ("selector",), "spec")


def replication_controller(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    yield from not_negative(spec, ("replicas", "minReadySeconds"), "spec")
    selector, pods = spec.get("selector"), spec.get("template")
    if not selector:
        yield required("spec.selector")
    if pods is None:
        yield required("spec.template")
        return
    labels = pods["metadata"].get("labels") or {}
    if selector and not selector_matches({"matchLabels": selector}, labels):
        yield invalid(labels, _MISMATCH, "spec.template.metadata.labels")
    yield from template(pods, "spec.template")
    yield from _runs_for_ever(pods["spec"])


def daemon_set(found: Obj, old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    yield from _selected_template(spec, "daemonset")
    yield from not_negative(spec, ("minReadySeconds", "revisionHistoryLimit"), "spec")
    strategy = spec["updateStrategy"]
    if strategy["type"] == "RollingUpdate":
        yield from _daemon_rolling(strategy.get("rollingUpdate") or {}, "spec.updateStrategy.rollingUpdate")
    elif strategy["type"] != "OnDelete":
        yield unsupported(strategy["type"], ("RollingUpdate", "OnDelete"), "spec.updateStrategy.type")
    if old is not None:
        yield from unchanged(spec, old["spec"], ("selector",), "spec")


def _daemon_rolling(rolling: Obj, path: str) -> Iterator[Cause]:
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    yield from count_or_percent(unavailable, f"{path}.maxUnavailable")
    yield from count_or_percent(surge, f"{path}.maxSurge")
    has_unavailable, has_surge = unavailable not in (0, "0%"), surge not in (0, "0%")
    if has_unavailable and has_surge:
        yield invalid(surge, "may not be set when maxUnavailable is non-zero", f"{path}.maxSurge")
    elif not has_unavailable and not has_surge:
        yield required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def stateful_set(found: Obj, old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    if spec["podManagementPolicy"] not in ("OrderedReady", "Parallel"):
        says = "must be 'OrderedReady' or 'Parallel'"
        yield invalid(spec["podManagementPolicy"], says, "spec.podManagementPolicy")
    strategy = spec["updateStrategy"]
    if strategy["type"] not in ("RollingUpdate", "OnDelete"):
        yield invalid(strategy["type"], "must be 'RollingUpdate' or 'OnDelete'", "spec.updateStrategy")
    yield from not_negative(strategy.get("rollingUpdate") or {}, ("partition",), "spec.updateStrategy.rollingUpdate")
    yield from not_negative(spec, ("replicas", "minReadySeconds"), "spec")
    yield from _selected_template(spec, "statefulset")
    if old is not None and _fixed(spec) != _fixed(old["spec"]):
        yield forbidden(_STATEFUL_SAYS, "spec")


def _fixed(spec: Obj) -> Obj:
    return {name: value for name, value in spec.items() if name not in _STATEFUL_FREE}


def pod_template(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    yield from template(found["template"], "template")


def controller_revision(found: Obj, old: Obj | None) -> Iterator[Cause]:
    yield from not_negative(found, ("revision",), "")
    if old is not None:
        yield from unchanged(found, old, ("data",))
