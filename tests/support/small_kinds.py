"""A small custom kind that has all that kinds may have, and objects of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from antiphon_sandbox.api.crds import custom_schema
from antiphon_sandbox.api.decoding import WriteOptions
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.api.resources import Resource
from antiphon_sandbox.objects import Obj

NOW = datetime(2026, 1, 1, tzinfo=UTC)
THINGS = "things.test.dev"
TEXT: Obj = {"type": "string"}
WHOLE: Obj = {"type": "integer"}
SPEC: Obj = {
    "type": "object",
    "properties": {
        "size": {"type": "integer", "minimum": 0, "maximum": 100},
        "mode": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
        "note": {"type": "string", "nullable": True},
        "items": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": TEXT, "value": {"type": "string", "default": "v"}, "count": WHOLE},
            },
        },
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT},
        "args": {"type": "array", "items": TEXT},
        "labels": {"type": "object", "additionalProperties": TEXT},
        "nested": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": WHOLE, "b": TEXT}}},
        "atom": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": WHOLE, "b": TEXT}},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
ROOT: Obj = {
    "type": "object",
    "properties": {
        "spec": SPEC,
        "status": {"type": "object", "properties": {"phase": TEXT, "replicas": WHOLE}},
    },
}
SCHEMA = custom_schema(ROOT)


def crd(plural: str = "things", kind: str = "Thing", schema: Obj = ROOT, **version: Any) -> Obj:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.test.dev"},
        "spec": {
            "group": "test.dev",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                    **version,
                }
            ],
        },
    }


def thing(name: str = "it", spec: Obj | None = None, **metadata: Any) -> Obj:
    return {
        "apiVersion": "test.dev/v1",
        "kind": "Thing",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {"size": 1} if spec is None else spec,
    }


def config_map(name: str = "it", data: Obj | None = None, **metadata: Any) -> Obj:
    body: Obj = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", **metadata},
    }
    return body if data is None else {**body, "data": data}


def api_with_things(**how: Any) -> Api:
    """At a time that stands still."""
    api = Api(**{"now": lambda: NOW, **how})
    api.create("customresourcedefinitions.apiextensions.k8s.io", crd())
    return api


def applied(api: Api, obj: Obj, manager: str = "one", force: bool = False, subresource: str = "") -> Obj:
    """As `kubectl apply --server-side` does."""
    resource = resource_of(api, obj)
    metadata = obj["metadata"]
    options = WriteOptions(manager, subresource, force=force)
    body = {**obj, "metadata": dict(metadata)}
    found, _ = api.writer.apply(resource, metadata.get("namespace", ""), metadata["name"], body, options)
    return found


def resource_of(api: Api, obj: Obj) -> Resource:
    resource = api.registry.of_kind(obj["apiVersion"], obj["kind"])
    assert resource is not None
    return resource


# --- any spec ------------------------------------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "c"])
_texts = st.sampled_from(["", "x", "y"])
_wholes = st.integers(0, 3)


def _maps(**fields: Any) -> Any:
    return st.fixed_dictionaries({}, optional=fields)


_items = st.lists(
    st.fixed_dictionaries({"name": _names}, optional={"value": _texts, "count": _wholes}),
    max_size=3,
    unique_by=lambda item: item["name"],
)
specs = _maps(
    size=_wholes,
    mode=st.sampled_from(["fast", "slow"]),
    items=_items,
    tags=st.lists(_texts, max_size=3, unique=True),
    args=st.lists(_texts, max_size=2),
    labels=st.dictionaries(_names, _texts, max_size=2),
    nested=st.dictionaries(_names, _maps(a=_wholes, b=_texts), max_size=2),
    atom=_maps(a=_wholes, b=_texts),
    open=st.dictionaries(_names, st.one_of(_texts, st.dictionaries(_names, _texts, max_size=2)), max_size=2),
)
"""Specs of things that fit the schema."""
