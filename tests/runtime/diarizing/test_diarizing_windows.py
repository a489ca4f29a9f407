from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.stage_options import DiarizationOptions
from antiphon_runtime.diarizing.windows import SpanWindows, Window, windows_of


@st.composite
def options(draw: st.DrawFn) -> DiarizationOptions:
    window_ms = draw(st.integers(250, 5000))
    return DiarizationOptions(window_ms=window_ms, step_ms=draw(st.integers(50, window_ms)))


@given(st.integers(0, 10_000), st.integers(1, 30_000), options())
def test_cells_fill_the_span_and_lie_in_their_windows(start: int, length: int, chosen: DiarizationOptions) -> None:
    end = start + length
    windows = windows_of(start, end, chosen)
    assert windows[0].cell_start_ms == start
    assert windows[-1].cell_end_ms == end
    for one, following in pairwise(windows):
        assert one.cell_end_ms == following.cell_start_ms
    for window in windows:
        assert start <= window.start_ms <= window.cell_start_ms < window.cell_end_ms <= window.end_ms <= end
        assert window.end_ms - window.start_ms <= chosen.window_ms
        assert window.end_ms - window.start_ms == pytest.approx(min(chosen.window_ms, length))


@given(st.integers(1, 30_000), options(), st.lists(st.integers(0, 30_000)))
def test_windows_are_the_same_however_the_audio_comes(
    length: int, chosen: DiarizationOptions, moments: list[int]
) -> None:
    span = SpanWindows(0, chosen)
    windows: list[Window] = []
    for now in sorted(moment for moment in moments if moment <= length):
        needed = span.needed_from_ms
        came = list(span.until(now))
        assert all(window.start_ms >= needed for window in came)
        windows += came
    needed = span.needed_from_ms
    rest = list(span.over(length))
    assert all(window.start_ms >= needed for window in rest)
    assert [*windows, *rest] == windows_of(0, length, chosen)
