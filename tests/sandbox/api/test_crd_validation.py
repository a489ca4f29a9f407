"""What is wrong with a definition is told where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from manifest_files import REPOSITORY
from small_kinds import api_with_things, crd

from antiphon_sandbox.api.crd_validation import causes
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj

TEXT = {"type": "string"}
NAMED = {"type": "object", "properties": {"name": TEXT}}
SCHEMA = "spec.validation.openAPIV3Schema.properties[spec]"
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


@pytest.fixture(scope="module")
def api() -> Api:
    return Api()


def wrong(api: Api, definition: Obj, old: Obj | None = None) -> list[str]:
    return [cause.field for cause in causes(definition, old, api.registry)]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"type": "object", "properties": {"a": {}}}, ".properties[a].type"),
        ({"type": "bogus"}, ".type"),
        ({"type": "array"}, ".items"),
        ({"type": "array", "items": [TEXT]}, ".items"),
        ({"type": "array", "items": {}}, ".items.type"),
        ({"type": "array", "items": NAMED, "x-kubernetes-list-type": "bogus"}, ".x-kubernetes-list-type"),
        ({"type": "array", "items": NAMED, "x-kubernetes-list-type": "map"}, ".x-kubernetes-list-map-keys"),
        (
            {
                "type": "array",
                "items": NAMED,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
            ".items.properties[name].default",
        ),
        ({"type": "array", "items": NAMED, "x-kubernetes-list-type": "set"}, ".items.x-kubernetes-map-type"),
        ({"type": "object", "properties": {"a": TEXT}, "additionalProperties": TEXT}, ".additionalProperties"),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": False}, ".x-kubernetes-preserve-unknown-fields"),
        ({"type": "object", "x-kubernetes-embedded-resource": True}, ".properties"),
        ({"type": "object", "$ref": "#/x"}, ".$ref"),
        ({"type": "array", "items": TEXT, "uniqueItems": True}, ".uniqueItems"),
        ({"type": "string", "pattern": "("}, ".pattern"),
        ({"type": "string", "default": 5}, ".default"),
        ({"type": "string", "default": "long", "maxLength": 1}, ".default"),
        ({"type": "object", "allOf": [{"properties": {"a": TEXT}}]}, ".allOf[0].properties[a].type"),
        ({"type": "object", "x-kubernetes-validations": [{"rule": ""}]}, ".x-kubernetes-validations[0].rule"),
        ({"type": "object", "x-kubernetes-validations": [{"rule": "1 +"}]}, ".x-kubernetes-validations[0].rule"),
        ({"type": "object", "x-kubernetes-validations": [{"rule": "1"}]}, ".x-kubernetes-validations[0].rule"),
        (
            {"type": "object", "x-kubernetes-validations": [{"rule": "true", "messageExpression": "1"}]},
            ".x-kubernetes-validations[0].messageExpression",
        ),
        (
            {"type": "object", "x-kubernetes-validations": [{"rule": "true", "reason": "Bogus"}]},
            ".x-kubernetes-validations[0].reason",
        ),
        (
            {"type": "object", "x-kubernetes-validations": [{"rule": "true", "fieldPath": ".no"}]},
            ".x-kubernetes-validations[0].fieldPath",
        ),
    ],
)
def test_schemas(api: Api, spec: Obj, field: str) -> None:
    assert wrong(api, crd(schema={"type": "object", "properties": {"spec": spec}})) == [SCHEMA + field]


def _change(*path: Any, to: Any) -> Callable[[Obj], None]:
    def change(definition: Obj) -> None:
        holder: Any = definition["spec"]
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (_change("names", "plural", to="others"), ["metadata.name"]),
        (_change("scope", to="Bogus"), ["spec.scope"]),
        (_change("names", "listKind", to="Thing"), ["spec.names.listKind"]),
        (_change("names", "shortNames", to=["A B"]), ["spec.names.shortNames[0]"]),
        (_change("versions", 0, "storage", to=False), ["spec.versions"]),
        (_change("versions", 0, "name", to="V_1"), ["spec.versions[0].name"]),
        (_change("versions", 0, "schema", to=None), ["spec.versions[0].schema.openAPIV3Schema"]),
        (_change("conversion", to={"strategy": "Bogus"}), ["spec.conversion.strategy"]),
        (
            _change("versions", 0, "subresources", to={"scale": {"specReplicasPath": ".spec.size"}}),
            ["spec.subresources.scale.statusReplicasPath"],
        ),
        (
            _change("versions", 0, "additionalPrinterColumns", to=[{"name": "a", "type": "date", "jsonPath": "x"}]),
            ["spec.additionalPrinterColumns[0].JSONPath"],
        ),
        (
            _change("versions", 0, "selectableFields", to=[{"jsonPath": ".spec.no"}]),
            ["spec.selectableFields[0].jsonPath"],
        ),
    ],
)
def test_the_rest(api: Api, change: Callable[[Obj], None], fields: list[str]) -> None:
    definition = crd()
    change(definition)
    assert wrong(api, definition) == fields


def test_a_protected_group_needs_a_word(api: Api) -> None:
    definition = crd()
    definition["spec"]["group"] = "x.k8s.io"
    definition["metadata"]["name"] = "things.x.k8s.io"
    assert wrong(api, definition) == ["metadata.annotations[api-approved.kubernetes.io]"]


def test_kind_and_scope_stay() -> None:
    api = api_with_things()
    definition = crd()
    definition["spec"]["scope"] = "Cluster"
    with pytest.raises(ApiError, match='Invalid value: "Cluster": field is immutable'):
        api.update(DEFINITIONS, definition)


def test_a_kind_is_defined_once() -> None:
    api = api_with_things()
    with pytest.raises(ApiError, match=r"is the kind of things\.test\.dev already"):
        api.create(DEFINITIONS, crd("others", "Thing"))


def test_the_projects_own_are_right(api: Api) -> None:
    files = sorted((REPOSITORY / "crds").glob("*.yaml"))
    assert files
    for file in files:
        assert wrong(api, yaml.safe_load(file.read_text())) == []
