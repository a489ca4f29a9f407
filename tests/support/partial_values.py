"""Parts of JSON values, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st


@st.composite
def parts(draw: st.DrawFn, value: Any) -> Any:
    """Some of a value: fields left out, and nulls in their place."""
    if isinstance(value, dict):
        chosen = {name: draw(parts(below)) for name, below in value.items() if draw(st.integers(0, 5)) > 0}
        nulls = [name for name in value if name not in chosen and draw(st.booleans())]
        return {**chosen, **dict.fromkeys(nulls)}
    if isinstance(value, list):
        kept = [draw(parts(item)) for item in value if draw(st.integers(0, 5)) > 0]
        return [*kept, None] if draw(st.integers(0, 5)) == 0 else kept
    return value
