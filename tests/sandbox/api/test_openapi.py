"""What `kubectl explain` reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from small_kinds import api_with_things, crd

from antiphon_sandbox.api import openapi
from antiphon_sandbox.api.errors import PageNotFoundError
from antiphon_sandbox.api.local import Api

REF = "#/components/schemas/"


@pytest.fixture(scope="module")
def api() -> Api:
    return api_with_things()


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(REF)
        for below in value.values():
            yield from references(below)
    elif isinstance(value, list):
        for below in value:
            yield from references(below)


@pytest.mark.parametrize(
    "path", ["api/v1", "apis/apps/v1", "apis/batch/v1", "apis/apiextensions.k8s.io/v1", "apis/test.dev/v1"]
)
def test_a_document_is_complete(api: Api, path: str) -> None:
    document = openapi.document(api.registry, path)
    assert set(references(document)) <= set(document["components"]["schemas"])


def test_each_kind_says_which_it_is(api: Api) -> None:
    for resource in api.registry:
        path = f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"
        if resource.group in ("", "apps", "test.dev"):
            kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
            schemas = openapi.document(api.registry, path)["components"]["schemas"].values()
            assert [kind] in [schema.get("x-kubernetes-group-version-kind") for schema in schemas]


def test_fields_are_described(api: Api) -> None:
    schemas = openapi.document(api.registry, "apis/apps/v1")["components"]["schemas"]
    replicas = schemas["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["replicas"]
    assert replicas["description"].startswith("Number of desired pods")


def test_a_custom_kind_has_its_schema_and_paths(api: Api) -> None:
    document = openapi.document(api.registry, "apis/test.dev/v1")
    thing = document["components"]["schemas"]["dev.test.v1.Thing"]
    assert {"apiVersion", "kind", "metadata", "spec", "status"} == set(thing["properties"])
    paths = document["paths"]["/apis/test.dev/v1/namespaces/{namespace}/things/{name}"]
    assert paths["patch"]["x-kubernetes-action"] == "patch"
    assert "application/strategic-merge-patch+json" not in paths["patch"]["requestBody"]["content"]


def test_the_index_changes_with_what_is_served() -> None:
    api = api_with_things()
    before = openapi.index(api.registry)["paths"]
    api.create("customresourcedefinitions.apiextensions.k8s.io", crd("others", "Other"))
    after = openapi.index(api.registry)["paths"]
    assert set(before) == set(after)
    assert before["apis/test.dev/v1"] != after["apis/test.dev/v1"]


def test_what_is_not_served_has_no_document(api: Api) -> None:
    with pytest.raises(PageNotFoundError):
        openapi.document(api.registry, "apis/nosuch/v1")
