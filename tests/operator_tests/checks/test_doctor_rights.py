"""Who may do what: the API answers reviews as RBAC does, for the chart's own roles."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from api_recorder import ApiCall
from rbac_rules import permissions_of
from rendered_chart import NAMESPACE, rendered, the_only

from antiphon_operator.checks.check import Result
from antiphon_operator.checks.cluster import Scope
from antiphon_operator.checks.rights import Need, operator_needs
from antiphon_sandbox.api import reviews

ok, warning, failed, skipped = Result.ok, Result.warning, Result.failed, Result.skipped
Judge = Callable[[str, ApiCall], bool]


def judged_by(monkeypatch: Any, judge: Judge) -> None:
    """Reviews are answered by the judge, who is told the user; the caller is `me`."""

    def status(_: str, review: Any) -> Any:
        asked = review["spec"]["resourceAttributes"]
        parts = ("group", "resource", "subresource", "namespace", "name")
        call = ApiCall(asked["verb"], "", **{part: asked.get(part, "") for part in parts})
        return {"allowed": judge(review["spec"].get("user", "me"), call)}

    monkeypatch.setattr(reviews, "_status", status)


def test_one_who_may_do_everything_is_well(found: Any) -> None:
    finding = found("your-rights")
    assert (finding.result, finding.message) == (ok, "you may get, describe, talk and read logs, and may install")


def test_one_who_may_not_install_is_well_and_knows_it(found: Any, monkeypatch: Any) -> None:
    judged_by(monkeypatch, lambda _, call: call.verb != "create" or call.resource == "pods")
    finding = found("your-rights")
    assert finding.result is ok
    assert "may not install (create customresourcedefinitions" in finding.message


def test_what_one_may_not_do_is_named_with_what_needs_it(found: Any, monkeypatch: Any) -> None:
    judged_by(monkeypatch, lambda _, call: call.whole_resource not in ("pods/log", "services"))
    finding = found("your-rights")
    assert finding.result is warning
    assert "you may not get pods/log, get services: needed for logs, talk" in finding.message


def test_rights_in_one_namespace_are_enough_for_it(found: Any, monkeypatch: Any) -> None:
    of_cluster = ("slapolicies", "voicemodels", "gpupools")
    judged_by(monkeypatch, lambda _, call: call.namespace == "mine" or call.resource in of_cluster)
    assert found("your-rights", Scope(namespace="mine")).result is ok
    assert found("your-rights").result is warning


# --- the operator's -------------------------------------------------------------------------------------------------


def installed(world: Any, objects: list[Any]) -> None:
    world.put("Namespace", NAMESPACE)
    deployment = the_only("Deployment", objects)
    world.add(copy.deepcopy(deployment))


def account(objects: list[Any]) -> str:
    name: str = the_only("Deployment", objects)["spec"]["template"]["spec"]["serviceAccountName"]
    return name


def by_rbac(objects: list[Any]) -> Judge:
    permissions = permissions_of(objects, NAMESPACE, account(objects))
    user = f"system:serviceaccount:{NAMESPACE}:{account(objects)}"
    return lambda who, call: who != user or permissions.allowed(call)


@pytest.mark.parametrize("values", [{}, {"watchNamespaces": ["one", "two"]}, {"fullnameOverride": "voices"}])
def test_the_charts_roles_are_all_that_the_operator_needs(
    world: Any, found: Any, monkeypatch: Any, values: Any
) -> None:
    objects = rendered(values)
    installed(world, objects)
    judged_by(monkeypatch, by_rbac(objects))
    finding = found("operator-rights")
    assert finding.result is ok, finding


def test_a_right_that_is_missing_is_named(world: Any, found: Any, monkeypatch: Any) -> None:
    objects = rendered()
    installed(world, objects)
    for role in objects:
        if role["kind"] == "ClusterRole":
            role["rules"] = [rule for rule in role["rules"] if "deployments" not in rule["resources"]]
    judged_by(monkeypatch, by_rbac(objects))
    finding = found("operator-rights")
    assert finding.result is failed
    assert f"system:serviceaccount:{NAMESPACE}:{account(objects)}: list deployments" in finding.message
    assert "5 rights are missing" in finding.message


def test_every_rule_of_the_chart_is_asked_for() -> None:
    objects = rendered()
    name = the_only("Deployment", objects)["metadata"]["name"]
    needed = operator_needs(name)
    here = [as_call(need, NAMESPACE) for need in needed.lease]
    calls = [*here, *(as_call(need, "") for need in (*needed.namespaced, *needed.of_cluster))]
    permissions = permissions_of(objects, NAMESPACE, account(objects))
    assert permissions.refused(calls) == []
    assert permissions.unused(calls) == []


def as_call(need: Need, namespace: str) -> ApiCall:
    resource = need.resource
    return ApiCall(need.verb, "", resource.group, resource.plural, need.subresource, namespace, need.name)


def test_without_a_deployment_it_is_not_known_as_whom_it_runs(found: Any) -> None:
    assert found("operator-rights").result is skipped
