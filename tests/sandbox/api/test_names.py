"""What may be a name, a label, an annotation, an owner."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon_sandbox.api.names import label_key_problem, label_value_problem, metadata_causes, name_problem


@pytest.mark.parametrize("name", ["a", "a-b", "a.b", "0", "a" * 253])
def test_names(name: str) -> None:
    assert name_problem("configmaps", name) is None


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a..b", "a/b", "a" * 254, "a\n"])
def test_no_names(name: str) -> None:
    assert name_problem("configmaps", name)


def test_kinds_with_names_of_their_own() -> None:
    assert name_problem("namespaces", "a.b")
    assert name_problem("services", "1a")
    assert name_problem("roles.rbac.authorization.k8s.io", "system:Any") is None
    assert name_problem("roles.rbac.authorization.k8s.io", "a/b")


@pytest.mark.parametrize("key", ["a", "A.b_c", "x.y/z", "a" * 63])
def test_label_keys(key: str) -> None:
    assert label_key_problem(key) is None


@pytest.mark.parametrize("key", ["", "/a", "a/b/c", "A.b/x", "a b", "-a", "a" * 64])
def test_no_label_keys(key: str) -> None:
    assert label_key_problem(key)


def test_label_values() -> None:
    assert label_value_problem("") is None
    assert label_value_problem("A_b.c-1") is None
    assert label_value_problem("a b")
    assert label_value_problem("a" * 64)


def fields(metadata: dict[str, Any], generated: bool = False) -> list[str]:
    obj = {"metadata": {"name": "it", **metadata}}
    return [cause.field for cause in metadata_causes("configmaps", obj, generated)]


OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"name": "No"}, "metadata.name"),
        ({"labels": {"a b": ""}}, "metadata.labels"),
        ({"labels": {"a": "b c"}}, "metadata.labels"),
        ({"annotations": {"a b": ""}}, "metadata.annotations"),
        ({"annotations": {"a": "x" * 262144}}, "metadata.annotations"),
        ({"finalizers": ["a b"]}, "metadata.finalizers"),
        ({"ownerReferences": [{**OWNER, "kind": ""}]}, "metadata.ownerReferences.kind"),
        ({"ownerReferences": [{**OWNER, "apiVersion": "a/b/c"}]}, "metadata.ownerReferences.apiVersion"),
        ({"ownerReferences": [{**OWNER, "kind": "Event"}]}, "metadata.ownerReferences"),
        (
            {"ownerReferences": [{**OWNER, "controller": True}, {**OWNER, "name": "q", "controller": True}]},
            "metadata.ownerReferences",
        ),
    ],
)
def test_what_is_wrong_is_told_by_field(metadata: dict[str, Any], field: str) -> None:
    assert fields(metadata) == [field]


def test_what_is_right() -> None:
    metadata = {
        "labels": {"x.y/a": "b"},
        "annotations": {"Any.Case/Key": "any text"},
        "finalizers": ["x.y/z", "foregroundDeletion"],
        "ownerReferences": [OWNER],
    }
    assert fields(metadata) == []


def test_a_generated_name_is_as_good_as_its_beginning() -> None:
    assert fields({"name": "No-abcde", "generateName": "No-"}, generated=True) == ["metadata.generateName"]
    assert fields({"name": "yes-abcde", "generateName": "yes-"}, generated=True) == []
