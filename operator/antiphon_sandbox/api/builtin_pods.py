"""Checks of pods: as they are made, in templates, and when they change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from antiphon_sandbox.api.builtin_checks import (
    forbidden,
    label_problem,
    labels,
    not_negative,
    one_of,
    problem,
    required,
    subdomain_problem,
    unsupported,
)
from antiphon_sandbox.api.builtin_containers import containers
from antiphon_sandbox.api.builtin_volumes import volumes
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.names import label_key_problem
from antiphon_sandbox.api.schema_checks import invalid
from antiphon_sandbox.objects import Obj

RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_SELECTOR_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_INT32_MOST = 2**31 - 1


def template(found: Obj, path: str) -> Iterator[Cause]:
    yield from labels(found["metadata"].get("labels"), f"{path}.metadata.labels")
    yield from pod_spec(found["spec"], f"{path}.spec")


def pod_spec(spec: Obj, path: str) -> Iterator[Cause]:
    yield from volumes(spec, path)
    yield from containers(spec, path)
    yield from one_of(spec["restartPolicy"], RESTART_POLICIES, f"{path}.restartPolicy")
    yield from one_of(spec["dnsPolicy"], _DNS_POLICIES, f"{path}.dnsPolicy")
    yield from not_negative(spec, ("terminationGracePeriodSeconds",), path)
    if not 1 <= spec.get("activeDeadlineSeconds", 1) <= _INT32_MOST:
        says = f"must be between 1 and {_INT32_MOST}, inclusive"
        yield invalid(spec["activeDeadlineSeconds"], says, f"{path}.activeDeadlineSeconds")
    yield from _names(spec, path)
    yield from labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    for index, toleration in enumerate(spec.get("tolerations") or ()):
        yield from _toleration(toleration, f"{path}.tolerations[{index}]")
    if affinity := spec.get("affinity"):
        yield from _node_affinity(affinity.get("nodeAffinity") or {}, f"{path}.affinity.nodeAffinity")
    yield from _spread(spec, f"{path}.topologySpreadConstraints")


def _names(spec: Obj, path: str) -> Iterator[Cause]:
    for name in ("serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"):
        if value := spec.get(name):
            yield from problem(value, subdomain_problem(value), f"{path}.{name}")
    for name in ("hostname", "subdomain"):
        if value := spec.get(name):
            yield from problem(value, label_problem(value), f"{path}.{name}")


def _toleration(toleration: Obj, path: str) -> Iterator[Cause]:
    key, operator = toleration.get("key", ""), toleration.get("operator", "Equal")
    if key:
        yield from problem(key, label_key_problem(key), f"{path}.key")
    elif operator != "Exists":
        says = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid(operator, says, f"{path}.operator")
    effect = toleration.get("effect", "")
    if "tolerationSeconds" in toleration and effect != "NoExecute":
        yield invalid(effect, "effect must be 'NoExecute' when `tolerationSeconds` is set", f"{path}.effect")
    if operator == "Exists" and toleration.get("value"):
        yield invalid(toleration["value"], "value must be empty when `operator` is 'Exists'", f"{path}.operator")
    elif operator not in ("Equal", "Exists", "Gt", "Lt"):
        yield unsupported(operator, ("Equal", "Exists"), f"{path}.operator")
    if effect and effect not in _EFFECTS:
        yield unsupported(effect, _EFFECTS, f"{path}.effect")


def _node_affinity(affinity: Obj, path: str) -> Iterator[Cause]:
    needed = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if needed is not None:
        field = f"{path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
        terms = needed.get("nodeSelectorTerms")
        if not terms:
            yield required(field, "must have at least one node selector term")
        for index, term in enumerate(terms or ()):
            yield from _node_term(term, f"{field}[{index}]")
    for index, preferred in enumerate(affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        field = f"{path}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        if preferred["weight"] not in range(1, 101):
            yield invalid(preferred["weight"], "must be in the range 1-100", f"{field}.weight")
        yield from _node_term(preferred["preference"], f"{field}.preference")


def _node_term(term: Obj, path: str) -> Iterator[Cause]:
    for index, expression in enumerate(term.get("matchExpressions") or ()):
        field, operator, values = f"{path}.matchExpressions[{index}]", expression["operator"], expression.get("values")
        if operator in ("In", "NotIn") and not values:
            yield required(f"{field}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist") and values:
            says = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield forbidden(says, f"{field}.values")
        elif operator in ("Gt", "Lt") and len(values or ()) != 1:
            yield required(f"{field}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
        elif operator not in _SELECTOR_OPERATORS:
            yield invalid(operator, "not a valid selector operator", f"{field}.operator")
        yield from problem(expression["key"], label_key_problem(expression["key"]), f"{field}.key")


def _spread(spec: Obj, path: str) -> Iterator[Cause]:
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        field = f"{path}[{index}]"
        if constraint["maxSkew"] <= 0:
            yield invalid(constraint["maxSkew"], "must be greater than zero", f"{field}.maxSkew")
        if not constraint["topologyKey"]:
            yield required(f"{field}.topologyKey", "can not be empty")
        when = ("DoNotSchedule", "ScheduleAnyway")
        if constraint["whenUnsatisfiable"] not in when:
            yield unsupported(constraint["whenUnsatisfiable"], when, f"{field}.whenUnsatisfiable")


def pod(found: Obj, old: Obj | None, subresource: str = "") -> Iterator[Cause]:
    if old is None:
        yield from pod_spec(found["spec"], "spec")
    elif found["spec"] != old["spec"]:
        yield from pod_spec(found["spec"], "spec")
        yield from pod_changes(found["spec"], old["spec"], subresource)


_CHANGE_SAYS = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_TOLERATION_SAYS = "existing toleration can not be modified except its tolerationSeconds"


def pod_changes(new: Obj, old: Obj, subresource: str) -> Iterator[Cause]:
    """What a pod may become. Its node is named once, by binding."""
    for group in ("containers", "initContainers"):
        if len(new.get(group) or ()) != len(old.get(group) or ()):
            yield forbidden("pod updates may not add or remove containers", f"spec.{group}")
            return
    yield from _deadline(new.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds"))
    kept = [_without_seconds(toleration) for toleration in new.get("tolerations") or ()]
    if any(_without_seconds(toleration) not in kept for toleration in old.get("tolerations") or ()):
        yield forbidden(_TOLERATION_SAYS, "spec.tolerations")
    if _fixed(new, old, subresource) != _fixed(old, old, subresource):
        yield forbidden(_CHANGE_SAYS, "spec")


def _deadline(new: int | None, old: int | None) -> Iterator[Cause]:
    field = "spec.activeDeadlineSeconds"
    if old is None or new == old:
        return
    if new is None:
        yield invalid(None, "must not update from a positive integer to nil value", field)
    elif new > old:
        yield invalid(new, "must be less than or equal to previous value", field)


def _without_seconds(toleration: Obj) -> Obj:
    return {name: value for name, value in toleration.items() if name != "tolerationSeconds"}


def _fixed(spec: Obj, old: Obj, subresource: str) -> dict[str, Any]:
    """What of a spec has to stay as it is."""
    free = {"activeDeadlineSeconds", "tolerations"}
    if "nodeName" not in old:
        free.add("nodeName")
    if old.get("schedulingGates"):
        free |= {"schedulingGates", "nodeSelector", "affinity"}
    if old.get("terminationGracePeriodSeconds", 0) < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        free.add("terminationGracePeriodSeconds")
    if subresource == "ephemeralcontainers":
        free.add("ephemeralContainers")
    fixed = {name: value for name, value in spec.items() if name not in free}
    ignored = {"image", "resources"} if subresource == "resize" else {"image"}
    for group in ("containers", "initContainers"):
        if group in fixed:
            fixed[group] = [_without(container, ignored) for container in fixed[group]]
    return fixed


def _without(container: Obj, ignored: set[str]) -> Obj:
    return {name: value for name, value in container.items() if name not in ignored}
