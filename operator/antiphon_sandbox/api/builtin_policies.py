"""Checks of roles, budgets, autoscalers, priorities, webhooks and leases."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon_sandbox.api.builtin_checks import (
    at_most_all,
    count_or_percent,
    forbidden,
    label_problem,
    label_selector,
    not_negative,
    one_of,
    problem,
    required,
    subdomain_problem,
    unchanged,
    unsupported,
)
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.schema_checks import invalid
from antiphon_sandbox.objects import Obj, name_of

RBAC = "rbac.authorization.k8s.io"
_PRIORITY_MOST = 1_000_000_000
_SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_METRICS = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}


def role(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    for index, rule in enumerate(found.get("rules") or ()):
        yield from _policy_rule(rule, f"rules[{index}]", namespaced=True)


def cluster_role(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    for index, rule in enumerate(found.get("rules") or ()):
        yield from _policy_rule(rule, f"rules[{index}]", namespaced=False)


def _policy_rule(rule: Obj, path: str, namespaced: bool) -> Iterator[Cause]:
    if not rule.get("verbs"):
        yield required(f"{path}.verbs", "verbs must contain at least one value")
    if urls := rule.get("nonResourceURLs"):
        if namespaced:
            says = "namespaced rules cannot apply to non-resource URLs"
            yield invalid(urls, says, f"{path}.nonResourceURLs")
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            says = "rules cannot apply to both regular resources and non-resource URLs"
            yield invalid(urls, says, f"{path}.nonResourceURLs")
        return
    if not rule.get("apiGroups"):
        yield required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield required(f"{path}.resources", "resource rules must supply at least one resource")


def role_binding(found: Obj, old: Obj | None) -> Iterator[Cause]:
    yield from _binding(found, old, ("ClusterRole", "Role"))


def cluster_role_binding(found: Obj, old: Obj | None) -> Iterator[Cause]:
    yield from _binding(found, old, ("ClusterRole",))


def _binding(found: Obj, old: Obj | None, kinds: tuple[str, ...]) -> Iterator[Cause]:
    reference = found["roleRef"]
    if reference["apiGroup"] != RBAC:
        yield unsupported(reference["apiGroup"], (RBAC,), "roleRef.apiGroup")
    if reference["kind"] not in kinds:
        yield unsupported(reference["kind"], kinds, "roleRef.kind")
    if not reference["name"]:
        yield required("roleRef.name")
    for index, subject in enumerate(found.get("subjects") or ()):
        yield from _subject(subject, f"subjects[{index}]")
    if old is not None and reference != old["roleRef"]:
        yield invalid(reference, "cannot change roleRef", "roleRef")


def _subject(subject: Obj, path: str) -> Iterator[Cause]:
    if not subject["name"]:
        yield required(f"{path}.name")
    kind, group = subject["kind"], subject.get("apiGroup", "")
    if kind == "ServiceAccount":
        if group:
            yield unsupported(group, ("",), f"{path}.apiGroup")
        if not subject.get("namespace"):
            yield required(f"{path}.namespace")
    elif kind in ("User", "Group"):
        if group != RBAC:
            yield unsupported(group, (RBAC,), f"{path}.apiGroup")
    else:
        yield unsupported(kind, ("ServiceAccount", "User", "Group"), f"{path}.kind")


def disruption_budget(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    if "minAvailable" in spec and "maxUnavailable" in spec:
        yield invalid(spec, "minAvailable and maxUnavailable cannot be both set", "spec")
    for name in ("minAvailable", "maxUnavailable"):
        yield from count_or_percent(spec.get(name), f"spec.{name}")
        yield from at_most_all(spec.get(name), f"spec.{name}")
    yield from label_selector(spec.get("selector") or {}, "spec.selector")
    policy, policies = spec.get("unhealthyPodEvictionPolicy"), ("IfHealthyBudget", "AlwaysAllow")
    if policy is not None and policy not in policies:
        yield unsupported(policy, policies, "spec.unhealthyPodEvictionPolicy")


def autoscaler(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    least, most = spec["minReplicas"], spec["maxReplicas"]
    if least < 1:
        yield invalid(least, "must be greater than or equal to 1", "spec.minReplicas")
    if most < 1:
        yield invalid(most, "must be greater than 0", "spec.maxReplicas")
    if most < least:
        yield invalid(most, "must be greater than or equal to `minReplicas`", "spec.maxReplicas")
    for name in ("kind", "name"):
        if not spec["scaleTargetRef"][name]:
            yield required(f"spec.scaleTargetRef.{name}")
    for index, metric in enumerate(spec.get("metrics") or ()):
        yield from _metric(metric, f"spec.metrics[{index}]")


def _metric(metric: Obj, path: str) -> Iterator[Cause]:
    kind = metric.get("type", "")
    if not kind:
        yield required(f"{path}.type", "must specify a metric source type")
    elif kind not in _METRICS:
        yield unsupported(kind, tuple(_METRICS), f"{path}.type")
    elif _METRICS[kind] not in metric:
        says = "must populate information for the given metric source"
        yield required(f"{path}.{_METRICS[kind]}", says)


def priority_class(found: Obj, old: Obj | None) -> Iterator[Cause]:
    name, value = name_of(found), found["value"]
    if name.startswith("system-"):
        if value != _SYSTEM_CLASSES.get(name):
            says = "priority class names with 'system-' prefix are reserved for system use only"
            yield forbidden(says, "metadata.name")
    elif value > _PRIORITY_MOST:
        says = f"maximum allowed value of a user defined priority is {_PRIORITY_MOST}"
        yield forbidden(says, "value")
    yield from one_of(found["preemptionPolicy"], ("PreemptLowerPriority", "Never"), "preemptionPolicy")
    if old is not None:
        if value != old["value"]:
            yield forbidden("may not be changed in an update.", "value")
        yield from unchanged(found, old, ("preemptionPolicy",))


def lease(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    if spec.get("leaseDurationSeconds", 1) <= 0:
        yield invalid(spec["leaseDurationSeconds"], "must be greater than 0", "spec.leaseDurationSeconds")
    yield from not_negative(spec, ("leaseTransitions",), "spec")


def webhooks(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    """Of a validating or mutating configuration."""
    for index, webhook in enumerate(found.get("webhooks") or ()):
        yield from _webhook(webhook, f"webhooks[{index}]")


def _webhook(webhook: Obj, path: str) -> Iterator[Cause]:
    name = webhook["name"]
    yield from problem(name, subdomain_problem(name), f"{path}.name")
    if name.count(".") < 2:
        yield invalid(name, "should be a domain with at least three segments separated by dots", f"{path}.name")
    if not webhook.get("admissionReviewVersions"):
        yield required(f"{path}.admissionReviewVersions", "must specify one of v1, v1beta1")
    yield from one_of(webhook["failurePolicy"], ("Fail", "Ignore"), f"{path}.failurePolicy")
    yield from one_of(webhook["matchPolicy"], ("Equivalent", "Exact"), f"{path}.matchPolicy")
    yield from one_of(webhook.get("sideEffects"), ("None", "NoneOnDryRun"), f"{path}.sideEffects")
    if not 1 <= webhook["timeoutSeconds"] <= 30:
        says = "the timeout value must be between 1 and 30 seconds"
        yield invalid(webhook["timeoutSeconds"], says, f"{path}.timeoutSeconds")
    client = webhook["clientConfig"]
    if ("url" in client) == ("service" in client):
        yield required(f"{path}.clientConfig", "exactly one of url or service is required")
    for index, rule in enumerate(webhook.get("rules") or ()):
        for part in ("operations", "apiGroups", "apiVersions", "resources"):
            if not rule.get(part):
                yield required(f"{path}.rules[{index}].{part}")


def device_claim(found: Obj, old: Obj | None) -> Iterator[Cause]:
    """Of a ResourceClaim."""
    yield from _device_requests(found["spec"], "spec")
    if old is not None:
        yield from unchanged(found, old, ("spec",))


def device_claim_template(found: Obj, old: Obj | None) -> Iterator[Cause]:
    yield from _device_requests(found["spec"]["spec"], "spec.spec")
    if old is not None:
        yield from unchanged(found, old, ("spec",))


def _device_requests(spec: Obj, path: str) -> Iterator[Cause]:
    for index, request in enumerate((spec.get("devices") or {}).get("requests") or ()):
        field, name = f"{path}.devices.requests[{index}]", request["name"]
        yield from problem(name, label_problem(name), f"{field}.name") if name else (required(f"{field}.name"),)
        exactly, choices = request.get("exactly"), request.get("firstAvailable") or []
        if (exactly is None) == (not choices):
            yield required(field, "exactly one of `exactly` or `firstAvailable` is required")
        if exactly is not None and not exactly["deviceClassName"]:
            yield required(f"{field}.exactly.deviceClassName")
        for number, choice in enumerate(choices):
            if not choice["deviceClassName"]:
                yield required(f"{field}.firstAvailable[{number}].deviceClassName")
