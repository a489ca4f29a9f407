"""What is served, in the old form and in the aggregated one."""

from __future__ import annotations

from typing import Any

import pytest
from small_kinds import api_with_things, crd

from antiphon_sandbox.api import discovery
from antiphon_sandbox.api.errors import PageNotFoundError
from antiphon_sandbox.api.local import Api


@pytest.fixture
def api() -> Api:
    return api_with_things()


def test_groups_and_versions(api: Api) -> None:
    groups = {group["name"]: group for group in discovery.group_list(api.registry)["groups"]}
    assert {"apps", "batch", "policy", "coordination.k8s.io", "authorization.k8s.io", "test.dev"} <= set(groups)
    assert groups["test.dev"]["preferredVersion"] == {"groupVersion": "test.dev/v1", "version": "v1"}


def test_a_stable_version_is_preferred(api: Api) -> None:
    definition = crd("twos", "Two")
    definition["spec"]["group"] = "more.dev"
    definition["metadata"]["name"] = "twos.more.dev"
    first = definition["spec"]["versions"][0]
    for name in ("v1beta1", "v2", "v1alpha3"):
        definition["spec"]["versions"].append({**first, "name": name, "storage": False})
    api.create("customresourcedefinitions.apiextensions.k8s.io", definition)
    group = discovery.group(api.registry, "more.dev")
    assert [version["version"] for version in group["versions"]] == ["v2", "v1", "v1beta1", "v1alpha3"]


def test_a_list_of_resources(api: Api) -> None:
    entries = {entry["name"]: entry for entry in discovery.resource_list(api.registry, "apps", "v1")["resources"]}
    assert entries["deployments"]["shortNames"] == ["deploy"]
    assert entries["deployments"]["categories"] == ["all"]
    assert entries["deployments/scale"]["kind"] == "Scale"
    assert entries["deployments/status"]["verbs"] == ["get", "patch", "update"]


def test_a_version_that_is_not_served_is_not_found(api: Api) -> None:
    with pytest.raises(PageNotFoundError):
        discovery.resource_list(api.registry, "test.dev", "v9")
    with pytest.raises(PageNotFoundError):
        discovery.group(api.registry, "nosuch.dev")


def test_both_forms_say_the_same(api: Api) -> None:
    for core in (True, False):
        for group in discovery.aggregated(api.registry, core)["items"]:
            for version in group["versions"]:
                assert_same(api, group["metadata"].get("name", ""), version)


def assert_same(api: Api, group: str, version: dict[str, Any]) -> None:
    listed = discovery.resource_list(api.registry, group, version["version"])["resources"]
    told = {entry["resource"]: sorted(entry["verbs"]) for entry in version["resources"]}
    told |= {
        f"{entry['resource']}/{sub['subresource']}": sorted(sub["verbs"])
        for entry in version["resources"]
        for sub in entry.get("subresources", ())
    }
    assert told == {entry["name"]: sorted(entry["verbs"]) for entry in listed}


def test_what_goes_is_served_no_more(api: Api) -> None:
    api.delete("customresourcedefinitions.apiextensions.k8s.io", "", "things.test.dev")
    assert "test.dev" not in discovery.groups(api.registry)
