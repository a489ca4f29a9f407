"""What Kubernetes says of its kinds: complete, cheap to read, and the same as any API server tells it."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest

from antiphon_sandbox import upstream
from antiphon_sandbox.upstream.definitions import REF_PREFIX
from antiphon_sandbox.upstream.extract import extract, references
from antiphon_sandbox.upstream.kinds import KINDS


def every_kind() -> list[tuple[str, str, str]]:
    return [
        (api_version.rpartition("/")[0], api_version.rpartition("/")[2], kind)
        for api_version, kinds in KINDS.items()
        for kind in kinds
    ]


@pytest.mark.parametrize(("group", "version", "kind"), every_kind())
def test_each_kind_has_a_definition_that_says_so(group: str, version: str, kind: str) -> None:
    schema = upstream.schema_of(group, version, kind)

    assert {"group": group, "version": version, "kind": kind} in schema["x-kubernetes-group-version-kind"]


def test_every_reference_leads_to_a_definition() -> None:
    names = set(upstream.definition_names())

    assert {name for found in names for name in references(upstream.definition(found))} <= names


def test_resolving_keeps_the_default_beside_the_reference() -> None:
    spec = upstream.schema_of("apps", "v1", "Deployment")["properties"]["spec"]

    resolved = upstream.resolve(spec)

    assert resolved["default"] == {}
    assert "replicas" in resolved["properties"]
    assert "default" not in upstream.definition("io.k8s.api.apps.v1.DeploymentSpec")


def test_what_is_no_reference_is_returned_as_it_is() -> None:
    schema = {"type": "string"}

    assert upstream.resolve(schema) is schema


def test_list_types_and_merge_keys_are_there() -> None:
    containers = upstream.definition("io.k8s.api.core.v1.PodSpec")["properties"]["containers"]

    assert containers["x-kubernetes-list-type"] == "map"
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"


def test_descriptions_are_there_for_who_asks() -> None:
    name = upstream.name_of_kind("", "v1", "Pod")

    assert "description" not in upstream.definition(name)
    assert upstream.described(name)["description"].startswith("Pod is a collection of containers")
    assert upstream.described(name)["properties"]["spec"]["description"].startswith("Specification of the desired")


def test_an_unknown_kind_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        upstream.schema_of("apps", "v1", "Nonsense")


def test_reading_all_of_it_is_cheap() -> None:
    from antiphon_sandbox.upstream.definitions import _HERE, Lines

    started = time.perf_counter()
    dict(Lines(_HERE / "openapi.json"))
    seconds = time.perf_counter() - started
    tracemalloc.start()
    kept = [dict(Lines(_HERE / name)) for name in ("openapi.json", "descriptions.json", "protobuf.json")]
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept
    assert held_bytes < 12 * 1024 * 1024
    assert seconds < 0.1


def test_the_definitions_can_be_taken_out_of_what_is_served() -> None:
    """Serving what we hold and extracting it gives the same files again."""
    schemas = {name: upstream.described(name) for name in upstream.definition_names()}

    def fetch(path: str) -> Any:
        if path == "/openapi/v3":
            return {"paths": {f"apis/{api_version}": {} for api_version in KINDS}}
        return {"components": {"schemas": schemas}}

    found = extract(fetch)

    assert found.schemas == {name: upstream.definition(name) for name in schemas}
    assert found.kinds == {
        f"{group}/{version}/{kind}": upstream.name_of_kind(group, version, kind)
        for group, version, kind in every_kind()
    }
    assert all(reference.startswith("io.k8s.") for reference in references({"$ref": REF_PREFIX + "io.k8s.x"}))
