"""The committed CRDs: equal to the types, and nothing in them that a real API server would refuse."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from offline_apiserver import REPOSITORY, Schema, committed_crds, compile_cel, schema_of, set_defaults

from antiphon_crds.__main__ import crd_files, main
from antiphon_crds.scalars import ADVICE

KINDS = ["GPUPool", "SLAPolicy", "VoiceAgent", "VoiceModel"]
_ALLOWED = {
    "type", "description", "properties", "items", "required", "enum", "default", "pattern", "minimum", "maximum",
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "additionalProperties",
    "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}  # fmt: skip


def _parts(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from _parts(part, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _parts(schema[key], f"{path}[]")


def _repeated_parts(schema: Schema, path: str, repeated: int) -> Iterator[tuple[str, Schema, int]]:
    """Every part, with the number of times that it can stand in an object."""
    yield path, schema, repeated
    for name, part in schema.get("properties", {}).items():
        yield from _repeated_parts(part, f"{path}.{name}", repeated)
    if "items" in schema:
        yield from _repeated_parts(schema["items"], f"{path}[]", repeated * schema["maxItems"])


def _spec_parts(kind: str) -> list[tuple[str, Schema]]:
    return [(path, part) for path, part in _parts(schema_of(kind)) if path.startswith(".spec")]


def test_there_is_one_for_each_kind() -> None:
    assert sorted(committed_crds()) == KINDS


def test_committed_files_equal_the_generated_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", str(REPOSITORY / "crds"), str(REPOSITORY / "docs" / "reference.md")]) == 0, (
        capsys.readouterr()
    )


def test_a_difference_is_reported_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in crd_files().items():
        (tmp_path / name).write_text(text.replace("Phase", "Phases"))
    arguments = [str(tmp_path), str(tmp_path / "reference.md")]
    assert main(["--check", *arguments]) == 1
    assert "voiceagents.antiphon.dev.yaml is out of date" in capsys.readouterr().err
    assert main(arguments) == 0
    assert main(["--check", *arguments]) == 0


@pytest.mark.parametrize("kind", KINDS)
class TestStructure:
    """The rules that an API server holds a schema to."""

    def test_fits_the_type_of_a_custom_resource_definition(self, kind: str) -> None:
        kubernetes_validate.validate(committed_crds()[kind], "1.36", strict=True)

    def test_every_part_has_a_type_and_only_known_keys(self, kind: str) -> None:
        for path, part in _parts(schema_of(kind)):
            assert "type" in part, path
            assert set(part) <= _ALLOWED, path
            assert not ("properties" in part and "additionalProperties" in part), path

    def test_bounds_are_of_the_parts_own_type(self, kind: str) -> None:
        """A bound in another type's words, such as minLength of a map, is taken and never held."""
        words = {"string": "Length", "array": "Items", "object": "Properties"}
        for path, part in _parts(schema_of(kind)):
            for key in part:
                if key.startswith(("min", "max")) and key not in ("minimum", "maximum"):
                    assert key.endswith(words[part["type"]]), (path, key)

    def test_a_required_field_has_no_default_and_exists(self, kind: str) -> None:
        for path, part in _parts(schema_of(kind)):
            for name in part.get("required", ()):
                assert name in part["properties"], (path, name)
                assert "default" not in part["properties"][name], (path, name)

    def test_defaults_are_pruned_and_whole(self, kind: str) -> None:
        """Defaulting inside a default would change it: the API server asks for all of it to be written out."""
        for path, part in _parts(schema_of(kind)):
            if "default" in part:
                filled = copy.deepcopy(part["default"])
                set_defaults(part, filled)
                assert filled == part["default"], path
                assert not isinstance(filled, dict) or set(filled) <= set(part.get("properties", filled)), path

    def test_map_lists_have_required_or_defaulted_scalar_keys(self, kind: str) -> None:
        for path, part in _parts(schema_of(kind)):
            if part.get("x-kubernetes-list-type") == "map":
                items = part["items"]
                for key in part["x-kubernetes-list-map-keys"]:
                    assert items["properties"][key]["type"] == "string", path
                    assert key in items["required"] or "default" in items["properties"][key], path

    def test_lists_of_named_things_merge(self, kind: str) -> None:
        for path, part in _parts(schema_of(kind)):
            if part["type"] == "array" and "name" in part["items"].get("properties", {}):
                assert part["x-kubernetes-list-type"] == "map", path

    def test_patterns_are_of_the_common_dialect(self, kind: str) -> None:
        """RE2 (Go, Rust) has neither look-around nor back-references."""
        for path, part in _parts(schema_of(kind)):
            if pattern := part.get("pattern"):
                assert not re.search(r"\(\?[=!<]|\\[1-9]", pattern), path
                assert pattern.startswith("^"), path
                assert pattern.endswith("$"), path
                assert pattern in ADVICE, f"{path}: no words for {pattern}"

    def test_everything_that_a_rule_can_reach_is_bounded(self, kind: str) -> None:
        """An API server estimates a rule's cost from these bounds, and refuses what it takes for unbounded."""
        for path, part in _spec_parts(kind):
            if part["type"] == "array":
                assert "maxItems" in part, path
            if part["type"] == "string":
                assert {"maxLength", "enum"} & set(part), path
            if "additionalProperties" in part:
                assert "maxProperties" in part, path

    def test_rules_stay_cheap(self, kind: str) -> None:
        """How often a rule's innermost part can run is at most a tenth of what the API server lets a rule cost."""
        sizes = {
            path.rpartition(".")[2]: part["maxItems"] for path, part in _parts(schema_of(kind)) if "maxItems" in part
        }
        for path, part, repeated in _repeated_parts(schema_of(kind), "", 1):
            for rule in part.get("x-kubernetes-validations", ()):
                lists = re.findall(
                    r"(\w+)(?:\('[^']*'\)|\[[^]]*])?\.(?:all|exists|exists_one|filter|map)\(", rule["rule"]
                )
                runs = repeated * math.prod(sizes.get(name, 100) for name in lists)
                assert runs <= 1_000_000, (path, rule["rule"], runs)

    def test_rules_compile_and_name_a_real_field(self, kind: str) -> None:
        for path, part in _parts(schema_of(kind)):
            for rule in part.get("x-kubernetes-validations", ()):
                compile_cel(rule["rule"])
                assert ("message" in rule) != ("messageExpression" in rule), path
                if "fieldPath" in rule:
                    assert rule["fieldPath"].lstrip(".") in part["properties"], (path, rule)
                if "message" in rule:
                    assert len(rule["message"]) <= 2048, path

    def test_every_field_is_described(self, kind: str) -> None:
        for path, part in _parts(schema_of(kind)):
            if path and not path.endswith("[]") and path != ".metadata":
                description = part.get("description", "")
                assert len(description) >= 8, path
                assert description.endswith((".", ")")), f"{path}: {description}"


class TestNames:
    """What people type."""

    @pytest.mark.parametrize(
        ("kind", "short", "scope"),
        [
            ("VoiceAgent", "va", "Namespaced"),
            ("SLAPolicy", "slap", "Cluster"),
            ("VoiceModel", "vm", "Cluster"),
            ("GPUPool", "gpool", "Cluster"),
        ],
    )
    def test_short_names_scope_category_and_status(self, kind: str, short: str, scope: str) -> None:
        spec = committed_crds()[kind]["spec"]
        assert (spec["names"]["shortNames"], spec["scope"], spec["names"]["categories"]) == (
            [short],
            scope,
            ["antiphon"],
        )
        assert spec["versions"][0]["subresources"]["status"] == {}

    def test_an_agent_scales(self) -> None:
        scale = committed_crds()["VoiceAgent"]["spec"]["versions"][0]["subresources"]["scale"]
        assert _lookup("VoiceAgent", scale["specReplicasPath"])["type"] == "integer"
        assert _lookup("VoiceAgent", scale["statusReplicasPath"])["type"] == "integer"
        assert _lookup("VoiceAgent", scale["labelSelectorPath"])["type"] == "string"

    @pytest.mark.parametrize("kind", KINDS)
    def test_printer_columns_show_real_fields(self, kind: str) -> None:
        for column in committed_crds()[kind]["spec"]["versions"][0]["additionalPrinterColumns"]:
            if not column["jsonPath"].startswith(".metadata"):
                shown = _lookup(kind, column["jsonPath"])["type"]
                assert shown == column["type"] or {shown, column["type"]} == {"integer", "number"}, column


def _lookup(kind: str, path: str) -> dict[str, Any]:
    part: dict[str, Any] = schema_of(kind)
    for step in path.strip(".").split("."):
        part = part["properties"][step.removesuffix("[0]")]
        part = part["items"] if step.endswith("[0]") else part
    return part
