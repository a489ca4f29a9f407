"""Defaults of roles, autoscalers, webhooks and admission policies, device claims and priorities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from antiphon_sandbox.objects import Obj

_RBAC = "rbac.authorization.k8s.io"


def set_binding_defaults(binding: Obj) -> None:
    """Of a RoleBinding or ClusterRoleBinding."""
    role = binding["roleRef"]
    role["apiGroup"] = role.get("apiGroup") or _RBAC
    for subject in binding.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            subject.setdefault("apiGroup", _RBAC)


def set_autoscaler_defaults(autoscaler: Obj) -> None:
    spec = autoscaler["spec"]
    spec.setdefault("minReplicas", 1)
    if "metrics" not in spec:
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if "behavior" in spec:
        _set_scaling_defaults(spec["behavior"])


def _set_scaling_defaults(behavior: Obj) -> None:
    hundred_percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    up = behavior.setdefault("scaleUp", {})
    up.setdefault("stabilizationWindowSeconds", 0)
    up.setdefault("selectPolicy", "Max")
    up.setdefault("policies", [{"type": "Pods", "value": 4, "periodSeconds": 15}, hundred_percent])
    down = behavior.setdefault("scaleDown", {})
    down.setdefault("selectPolicy", "Max")
    down.setdefault("policies", [dict(hundred_percent)])


def set_priority_class_defaults(priority_class: Obj) -> None:
    priority_class.setdefault("preemptionPolicy", "PreemptLowerPriority")


def set_validating_webhook_defaults(configuration: Obj) -> None:
    for webhook in configuration.get("webhooks") or ():
        _set_webhook_defaults(webhook)


def set_mutating_webhook_defaults(configuration: Obj) -> None:
    for webhook in configuration.get("webhooks") or ():
        _set_webhook_defaults(webhook)
        webhook.setdefault("reinvocationPolicy", "Never")


def _set_webhook_defaults(webhook: Obj) -> None:
    webhook.setdefault("failurePolicy", "Fail")
    webhook.setdefault("timeoutSeconds", 10)
    _set_match_defaults(webhook)
    _set_scopes(webhook.get("rules") or ())
    if service := webhook["clientConfig"].get("service"):
        service.setdefault("port", 443)


def _set_match_defaults(matching: Obj) -> None:
    matching.setdefault("matchPolicy", "Equivalent")
    matching.setdefault("namespaceSelector", {})
    matching.setdefault("objectSelector", {})


def _set_scopes(rules: Iterable[Obj]) -> None:
    for rule in rules:
        rule.setdefault("scope", "*")


def set_admission_policy_defaults(policy: Obj) -> None:
    spec = policy["spec"]
    spec.setdefault("failurePolicy", "Fail")
    if constraints := spec.get("matchConstraints"):
        _set_constraints_defaults(constraints)


def set_admission_binding_defaults(binding: Obj) -> None:
    if (resources := binding["spec"].get("matchResources")) is not None:
        _set_constraints_defaults(resources)


def _set_constraints_defaults(constraints: Obj) -> None:
    _set_match_defaults(constraints)
    for name in ("resourceRules", "excludeResourceRules"):
        _set_scopes(constraints.get(name) or ())


def set_claim_defaults(claim: Obj) -> None:
    """Of a ResourceClaim."""
    for request in _device_requests(claim["spec"]):
        if request.setdefault("allocationMode", "ExactCount") == "ExactCount":
            request.setdefault("count", 1)
        _set_toleration_defaults(request)


def set_claim_template_defaults(template: Obj) -> None:
    set_claim_defaults(template["spec"])


def _device_requests(spec: Obj) -> Iterator[Obj]:
    for request in (spec.get("devices") or {}).get("requests") or ():
        if "exactly" in request:
            yield request["exactly"]
        yield from request.get("firstAvailable") or ()


def _set_toleration_defaults(request: Obj) -> None:
    for toleration in request.get("tolerations") or ():
        toleration.setdefault("operator", "Equal")
