"""RBAC as Kubernetes evaluates it: against a model that spells everything out, and on the special cases."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from api_recorder import ApiCall
from hypothesis import given
from hypothesis import strategies as st
from rbac_rules import ALL, Grant, Permissions, Rule, Unused, permissions_of

VERBS = ("get", "create", "patch")
GROUPS = ("", "apps")
PLAIN = ("pods", "deployments")
SUBRESOURCES = ("", "scale", "log")
NAMES = ("", "a", "b")
NAMESPACES = ("", "one", "two")
EVERYTHING = [
    ApiCall(verb, "", group, resource, subresource, namespace, name)
    for verb, group, resource, subresource, namespace, name in itertools.product(
        VERBS, GROUPS, PLAIN, SUBRESOURCES, NAMESPACES, NAMES
    )
]
WHOLE_RESOURCES = sorted({call.whole_resource for call in EVERYTHING})

calls = st.sampled_from(EVERYTHING)


def some(*words: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True).map(tuple)


rules = st.builds(
    Rule,
    verbs=some(*VERBS, ALL),
    groups=some(*GROUPS, ALL),
    resources=some(*WHOLE_RESOURCES, "*/scale", ALL),
    names=st.just(()) | some("a", "b"),
)
grants = st.lists(st.builds(Grant, st.sampled_from(("r", "s")), rules, st.sampled_from(NAMESPACES)), max_size=4)


def spelt_out(grant: Grant) -> set[tuple[str, ...]]:
    """All that a grant allows, one by one, with every `*` replaced by what it may stand for."""
    rule = grant.rule
    verbs = VERBS if ALL in rule.verbs else rule.verbs
    groups = GROUPS if ALL in rule.groups else rule.groups
    resources: set[str] = set()
    for resource in rule.resources:
        resources |= {ALL: set(WHOLE_RESOURCES), "*/scale": {f"{plain}/scale" for plain in PLAIN}}.get(
            resource, {resource}
        )
    namespaces = (grant.namespace,) if grant.namespace else NAMESPACES
    return set(itertools.product(verbs, groups, resources, namespaces, rule.names or NAMES))


@given(grants)
def test_it_allows_what_the_rules_spell_out(given_grants: list[Grant]) -> None:
    permissions = Permissions(given_grants)
    allowed = set().union(*map(spelt_out, given_grants))
    for call in EVERYTHING:
        asked = (call.verb, call.group, call.whole_resource, call.namespace, call.name)
        assert permissions.allowed(call) == (asked in allowed), call


@given(grants, st.lists(calls, max_size=6))
def test_what_is_unused_can_be_taken_away(given_grants: list[Grant], made: list[ApiCall]) -> None:
    """Without the rules' unused verbs, groups and names, all that was allowed is allowed still."""
    permissions = Permissions(given_grants)
    allowed = [call for call in made if permissions.allowed(call)]
    kept = []
    for grant in given_grants:
        left = Permissions([grant]).unused(allowed)
        kept.append(replace(grant, rule=without(grant.rule, {unused.what for unused in left})))
    assert Permissions(kept).refused(allowed) == []


def without(rule: Rule, unused: set[str]) -> Rule:
    of_what = ", ".join(rule.resources)
    return replace(
        rule,
        verbs=tuple(verb for verb in rule.verbs if not all(f"{verb} {name}" in unused for name in rule.resources)),
        groups=tuple(group for group in rule.groups if f"group {group or 'core'} of {of_what}" not in unused),
        names=tuple(name for name in rule.names if f"name {name} of {of_what}" not in unused) or rule.names,
    )


@given(grants)
def test_nothing_is_unused_when_everything_was_called(given_grants: list[Grant]) -> None:
    assert Permissions(given_grants).unused(EVERYTHING) == []


def granted(*rules: dict[str, Any]) -> Permissions:
    return Permissions(Grant("ClusterRole/r", Rule.of(rule)) for rule in rules)


READ_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}


def test_a_subresource_is_a_resource_of_its_own() -> None:
    log = ApiCall("get", "", "", "pods", "log", "one", "a")
    assert not granted(READ_PODS).allowed(log)
    assert granted({**READ_PODS, "resources": ["pods/log"]}).allowed(log)
    assert not granted({**READ_PODS, "resources": ["pods/*"]}).allowed(log), "there is no such rule in Kubernetes"


def test_an_apply_that_creates_needs_both_verbs() -> None:
    update = ApiCall("patch", "", "", "pods", "", "one", "a", 200)
    create = replace(update, code=201, creates=True)
    only_patch = granted({**READ_PODS, "verbs": ["patch"]})
    both = granted({**READ_PODS, "verbs": ["patch", "create"]})
    assert only_patch.allowed(update)
    assert only_patch.refused([update, create]) == [create]
    assert both.refused([update, create]) == []
    assert both.unused([create]) == []
    assert both.unused([update]) == [Unused("ClusterRole/r", "create pods")]


def test_names_hold_for_requests_that_have_one() -> None:
    one_lease = granted(
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create"]}
        | {"resourceNames": ["mine"]}
    )
    lease = ApiCall("get", "", "coordination.k8s.io", "leases", "", "one", "mine")
    assert one_lease.allowed(lease)
    assert not one_lease.allowed(replace(lease, name="yours"))
    assert not one_lease.allowed(replace(lease, verb="create", name="")), "a create has no name yet"


@pytest.mark.parametrize(
    ("url", "path", "allowed"),
    [
        ("/version", "/version", True),
        ("/version", "/version/", False),
        ("/apis/*", "/apis/apps/v1", True),
        ("/apis/*", "/apis", False),
        ("*", "/healthz", True),
    ],
)
def test_paths_that_are_no_resource(url: str, path: str, allowed: bool) -> None:
    permissions = granted({"nonResourceURLs": [url], "verbs": ["get"]})
    assert permissions.allowed(ApiCall("get", path)) == allowed
    assert not permissions.allowed(ApiCall("post", path))
    assert bool(permissions.unused([ApiCall("get", path)])) != allowed


def test_stars_are_found() -> None:
    assert granted(READ_PODS).wildcards() == []
    for field in ("verbs", "apiGroups", "resources"):
        assert granted({**READ_PODS, field: ["*"]}).wildcards()
    assert granted({**READ_PODS, "resources": ["*/scale"]}).wildcards()


# --- bindings ------------------------------------------------------------------------------------------------------

RBAC = {"apiVersion": "rbac.authorization.k8s.io/v1"}
POD = ApiCall("get", "", "", "pods", "", "one", "a")


def role(kind: str, **meta: str) -> dict[str, Any]:
    return {**RBAC, "kind": kind, "metadata": {"name": "r", **meta}, "rules": [READ_PODS]}


def binding(kind: str, role_kind: str, subject: dict[str, str], **meta: str) -> dict[str, Any]:
    named = {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": "r"}
    return {**RBAC, "kind": kind, "metadata": {"name": "b", **meta}, "roleRef": named, "subjects": [subject]}


ACCOUNT = {"kind": "ServiceAccount", "name": "me", "namespace": "home"}


def allows(*manifests: dict[str, Any]) -> bool:
    return permissions_of(manifests, "home", "me").allowed(POD)


def test_a_cluster_role_binding_holds_everywhere() -> None:
    bound = binding("ClusterRoleBinding", "ClusterRole", ACCOUNT)
    assert allows(role("ClusterRole"), bound)
    assert not allows(bound), "the role is not there"
    assert not allows(role("ClusterRole")), "nothing binds it"
    assert not allows(role("Role", namespace="one"), bound), "a Role is not a ClusterRole"


@pytest.mark.parametrize("role_kind", ["Role", "ClusterRole"])
def test_a_role_binding_holds_in_its_namespace(role_kind: str) -> None:
    inside = {"namespace": "one"} if role_kind == "Role" else {}
    assert allows(role(role_kind, **inside), binding("RoleBinding", role_kind, ACCOUNT, namespace="one"))
    elsewhere = {"namespace": "two"} if role_kind == "Role" else {}
    assert not allows(role(role_kind, **elsewhere), binding("RoleBinding", role_kind, ACCOUNT, namespace="two"))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (ACCOUNT, True),
        ({**ACCOUNT, "name": "you"}, False),
        ({**ACCOUNT, "namespace": "away"}, False),
        ({"kind": "User", "name": "system:serviceaccount:home:me"}, True),
        ({"kind": "User", "name": "me"}, False),
        ({"kind": "Group", "name": "system:serviceaccounts:home"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:away"}, False),
        ({"kind": "Group", "name": "system:authenticated"}, True),
    ],
)
def test_who_is_meant(subject: dict[str, str], expected: bool) -> None:
    assert allows(role("ClusterRole"), binding("ClusterRoleBinding", "ClusterRole", subject)) == expected
