"""Objects near the border of what is valid: a valid one with a few parts changed, guided by the CRD's schema."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st
from offline_apiserver import Schema, schema_of

_INTERESTING = ["", " ", "auto", "none", "1g.18gb", "0s", "1ms", "15m", "25h", "900", "20Gi", "0Gi", "0 9 * * 1-5",
    "0 9-5 * * *", "61 * * * *", "MON", "main", "voice", "turn", "stage", "frameRate", "mouthToEar", "asr", "wer", "mos",
    "2026-02-30T00:00:00Z", "2026-12-24T09:00:00Z", "en", "UTC", "a/b", "/a", "ü", "x" * 300]  # fmt: skip
_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2000),
    # Never a whole 1.0: an API server takes it for an integer in some places and not in others.
    st.floats(-1, 200, allow_nan=False).map(lambda number: round(number, 2) + 0.001),
    st.sampled_from(_INTERESTING),
    st.builds(list),
    st.builds(dict),
)


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Values for `schema`: mostly valid, some just outside of it."""
    right = _right(schema)
    return st.one_of(right, right, right, _ODD)


def _right(schema: Schema) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        return _objects(schema)
    if kind == "array":
        return st.lists(values(schema["items"]), max_size=min(3, schema.get("maxItems", 3)))
    if kind == "boolean":
        return st.booleans()
    if kind == "integer":
        return st.one_of(st.integers(*_range(schema, -1, 1)), st.sampled_from([0, 1, 2, schema.get("minimum", 0)]))
    if kind == "number":
        low, high = _range(schema, -1, 1)
        return st.one_of(st.integers(low, high), st.floats(low, high).map(lambda number: round(number, 3)))
    pattern = schema.get("pattern")
    return (
        st.one_of(st.from_regex(pattern, fullmatch=True), st.sampled_from(_INTERESTING)) if pattern else _texts(schema)
    )


def _range(schema: Schema, below: int, above: int) -> tuple[int, int]:
    return int(schema.get("minimum", 0)) + below, int(schema.get("maximum", 100)) + above


def _texts(schema: Schema) -> st.SearchStrategy[str]:
    return st.one_of(st.text("ab-.0", max_size=min(8, schema.get("maxLength", 8))), st.sampled_from(_INTERESTING))


@st.composite
def _objects(draw: st.DrawFn, schema: Schema) -> dict[str, Any]:
    parts = schema.get("properties", {})
    required = schema.get("required", [])
    optional = [name for name in parts if name not in required]
    chosen = draw(st.lists(st.sampled_from(optional), max_size=3, unique=True)) if optional else []
    return {name: draw(values(parts[name])) for name in [*required, *chosen]}


@st.composite
def mutated(draw: st.DrawFn, originals: list[Any]) -> Any:
    """One of `originals` with up to three parts removed, replaced, repeated or added."""
    manifest = copy.deepcopy(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 3))):
        manifest.setdefault("spec", {})
        _mutate(draw, schema_of(manifest["kind"])["properties"]["spec"], manifest, "spec")
    return manifest


def _mutate(draw: st.DrawFn, schema: Schema, parent: Any, key: Any) -> None:
    """Walks down to a random part, and changes it."""
    value = parent[key]
    parts = schema.get("properties", {})
    if isinstance(value, dict) and parts and draw(st.integers(0, 9)) > 0:
        name = draw(st.sampled_from(sorted(parts)))
        if name in value:
            _mutate(draw, parts[name], value, name)
        else:
            value[name] = draw(values(parts[name]))
    elif isinstance(value, list) and value and draw(st.integers(0, 4)) > 0:
        _mutate_list(draw, schema, value)
    elif draw(st.integers(0, 3)) == 0 and isinstance(parent, dict):
        del parent[key]
    else:
        parent[key] = draw(values(schema))


def _mutate_list(draw: st.DrawFn, schema: Schema, items: list[Any]) -> None:
    what = draw(st.sampled_from(["inside", "inside", "inside", "repeat", "remove", "add"]))
    index = draw(st.integers(0, len(items) - 1))
    if what == "inside":
        _mutate(draw, schema.get("items", {}), items, index)
    elif what == "repeat":
        items.append(copy.deepcopy(items[index]))
    elif what == "remove":
        del items[index]
    else:
        items.append(draw(values(schema["items"])))
