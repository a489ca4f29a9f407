"""YAML as Go reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.api.yaml_reading import read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2020-01-01", "2020-01-01"),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("yes", True),
        ("off", False),
        ("y", True),
        ("n", False),
        ("null", None),
        ("~", None),
        ("12", 12),
        ("0x1f", 31),
        ("1:30", "1:30"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("a: {on: 1, 2: b}", {"a": {"true": 1, "2": "b"}}),
        ("[1, a]", [1, "a"]),
        ("", None),
    ],
)
def test_scalars_and_keys(text: str, value: Any) -> None:
    assert read_yaml(text.encode()) == value
    assert type(read_yaml(text.encode())) is type(value)


@given(st.recursive(st.text(max_size=8), lambda inner: st.dictionaries(st.text(max_size=4), inner, max_size=3)))
def test_json_is_yaml(value: Any) -> None:
    assert read_yaml(json.dumps(value).encode()) == value


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "\ta: 1"])
def test_what_is_no_yaml(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        read_yaml(text.encode())


def test_nothing_is_made_of_tags() -> None:
    with pytest.raises(yaml.YAMLError):
        read_yaml(b"!!python/object/apply:os.getcwd []")
