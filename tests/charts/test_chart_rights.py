"""What the chart lets the operator do: no `*`, nothing beyond its namespaces, no right to more rights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rbac_rules import permissions_of
from rendered_chart import NAMESPACE, Obj, of_kind, rendered

ACCOUNT = "antiphon-operator"
CLUSTER_WIDE: Obj = {}
TWO_NAMESPACES: Obj = {"watchNamespaces": ["calls", "support"]}
NEVER = {
    "namespaces", "customresourcedefinitions", "roles", "clusterroles", "rolebindings", "clusterrolebindings",
    "pods/exec", "pods/attach", "pods/ephemeralcontainers", "serviceaccounts/token", "nodes/proxy", "persistentvolumes",
}  # fmt: skip
BOTH = pytest.mark.parametrize("values", [CLUSTER_WIDE, TWO_NAMESPACES], ids=["cluster-wide", "two namespaces"])


def _rules(objects: list[Obj]) -> Iterator[tuple[str, Obj]]:
    """Namespace of the role, empty for the whole cluster; and the rule."""
    for role in of_kind("ClusterRole", objects) + of_kind("Role", objects):
        for rule in role["rules"]:
            yield role["metadata"].get("namespace", ""), rule


@BOTH
def test_no_rule_has_a_star_and_none_leads_to_more_rights(values: Obj) -> None:
    objects = rendered(values)
    assert permissions_of(objects, NAMESPACE, ACCOUNT).wildcards() == []
    for _, rule in _rules(objects):
        assert not NEVER & set(rule["resources"])
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"])


@BOTH
def test_pods_and_nodes_are_not_made_nor_deleted(values: Obj) -> None:
    verbs = {resource: set(rule["verbs"]) for _, rule in _rules(rendered(values)) for resource in rule["resources"]}
    assert verbs["nodes"] == {"list", "watch"}
    assert not {"create", "delete"} & verbs["pods"]


@BOTH
def test_agents_and_policies_are_never_written_but_their_status(values: Obj) -> None:
    for _, rule in _rules(rendered(values)):
        if rule["apiGroups"] == ["antiphon.dev"]:
            status = [resource for resource in rule["resources"] if resource.endswith("/status")]
            assert rule["verbs"] == (["patch"] if status else ["list", "watch"])
            assert status in ([], rule["resources"])


@BOTH
def test_every_role_is_bound_to_the_operator_alone(values: Obj) -> None:
    objects = rendered(values)
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    bindings = of_kind("ClusterRoleBinding", objects) + of_kind("RoleBinding", objects)
    assert all(binding["subjects"] == [subject] for binding in bindings)
    bound = {(each["roleRef"]["kind"], each["metadata"].get("namespace"), each["roleRef"]["name"]) for each in bindings}
    roles = of_kind("ClusterRole", objects) + of_kind("Role", objects)
    assert bound == {(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in roles}


def test_with_namespaces_nothing_of_others_can_be_seen() -> None:
    """Secrets above all."""
    rules = list(_rules(rendered(TWO_NAMESPACES)))
    assert {namespace for namespace, rule in rules if "secrets" in rule["resources"]} == {"calls", "support"}
    anywhere = {resource for namespace, rule in rules if not namespace for resource in rule["resources"]}
    assert anywhere == {
        "slapolicies", "voicemodels", "gpupools", "slapolicies/status", "voicemodels/status", "gpupools/status",
        "nodes", "resourceslices",
    }  # fmt: skip


def test_the_rights_are_the_same_with_and_without_namespaces() -> None:
    everywhere = [rule for namespace, rule in _rules(rendered(CLUSTER_WIDE)) if namespace != NAMESPACE]
    one = [rule for namespace, rule in _rules(rendered({"watchNamespaces": ["calls"]})) if namespace != NAMESPACE]
    assert sorted(map(str, everywhere)) == sorted(map(str, one))


def test_of_leases_it_touches_its_own() -> None:
    leases = [(namespace, rule) for namespace, rule in _rules(rendered()) if "leases" in rule["resources"]]
    assert {namespace for namespace, _ in leases} == {NAMESPACE}
    named = {verb: rule.get("resourceNames") for _, rule in leases for verb in rule["verbs"]}
    assert named == {"create": None, "get": [ACCOUNT], "update": [ACCOUNT]}
