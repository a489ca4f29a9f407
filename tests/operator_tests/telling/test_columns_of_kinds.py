from datetime import UTC, datetime
from typing import Any

import pytest

from antiphon_crds.definitions import DEFINITIONS
from antiphon_operator.telling.columns import at_path, columns_of, definition_named, row, titles

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
AGENTS, _, MODELS, _ = DEFINITIONS
AGENT: dict[str, Any] = {
    "metadata": {"name": "hello", "namespace": "shop", "creationTimestamp": "2026-05-01T11:00:00Z"},
    "spec": {"slaPolicy": "p"},
    "status": {"phase": "Ready", "ready": "2/3", "sessions": 0, "p95Ms": 412.0},
}


@pytest.mark.parametrize(
    ("word", "plural"),
    [
        ("agents", "voiceagents"),
        ("agent", "voiceagents"),
        ("va", "voiceagents"),
        ("VoiceAgent", "voiceagents"),
        ("voiceagents.antiphon.dev", "voiceagents"),
        ("policy", "slapolicies"),
        ("policies", "slapolicies"),
        ("models", "voicemodels"),
        ("gpool", "gpupools"),
        ("pools", "gpupools"),
    ],
)
def test_kinds_by_the_names_that_people_use(word: str, plural: str) -> None:
    found = definition_named(word)
    assert found is not None
    assert found.plural == plural


def test_an_unknown_kind_has_no_definition() -> None:
    assert definition_named("pods") is None


def test_a_row_has_the_columns_of_the_definition() -> None:
    cells = dict(
        zip(
            titles(AGENTS, namespaces=True, wide=False),
            row(AGENTS, AGENT, NOW, namespaces=True, wide=False),
            strict=True,
        )
    )
    assert cells == {
        "Namespace": "shop", "Name": "hello", "Phase": "Ready", "Ready": "2/3", "Sessions": "0", "P95": "412", "SLA": "",
        "Partition": "", "Age": "1h",
    }  # fmt: skip


def test_wide_shows_all_columns() -> None:
    assert [column.name for column in columns_of(AGENTS, wide=True)] == [column.name for column in AGENTS.columns]
    assert "Policy" not in titles(AGENTS, namespaces=False, wide=False)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".spec.variants[0].name", "best"),
        (".spec.variants[7].name", None),
        (".spec.stage.name", None),
        (".status.agents", None),
    ],
)
def test_paths_into_what_may_not_be_there(path: str, value: object) -> None:
    assert at_path({"spec": {"stage": "asr", "variants": [{"name": "best"}]}}, path) == value


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.kind)
def test_every_path_of_every_column_is_understood(definition: Any) -> None:
    """Nothing of a path may be left over: its steps, joined, are the path."""
    for column in definition.columns:
        value = at_path(_whatever_is_asked(column.path), column.path)
        assert value == "found", column.path


def _whatever_is_asked(path: str) -> Any:
    value: Any = "found"
    for part in reversed(path.replace("[0]", ".[0]").lstrip(".").split(".")):
        value = [value] if part == "[0]" else {part: value}
    return value
