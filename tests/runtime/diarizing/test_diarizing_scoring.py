from __future__ import annotations

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.diarizing.scoring import assignment, score
from antiphon_runtime.diarizing.segments import SpeakerSegment, joined

tenths = st.integers(0, 100)
segments = st.lists(
    st.builds(
        lambda name, start, length: SpeakerSegment(name, start / 10, (start + length) / 10),
        st.sampled_from("ABCD"),
        tenths,
        st.integers(1, 30),
    ),
    max_size=8,
)


def at(*stretches: tuple[str, float, float]) -> list[SpeakerSegment]:
    return [SpeakerSegment(*stretch) for stretch in stretches]


def test_the_known_kinds_of_errors() -> None:
    truth = at(("x", 0, 4), ("y", 5, 9), ("x", 9, 11))
    found = at(("A", 0, 3), ("B", 4.5, 9), ("B", 9, 10), ("A", 10, 11))
    scored = score(truth, found)
    assert (scored.spoken_seconds, scored.missed_seconds) == (10, 1)
    assert (scored.false_alarm_seconds, scored.confusion_seconds) == (0.5, 1)
    assert scored.rate == pytest.approx(0.25)
    assert score(truth, found, collar_seconds=0.5).confusion_seconds == pytest.approx(0.5)


def test_nothing_said() -> None:
    assert score([], []).rate == 0
    assert score([], at(("A", 0, 1))).rate == math.inf
    assert score(at(("A", 0, 1)), []).rate == 1


@given(segments)
def test_the_truth_is_right_by_any_names(truth: list[SpeakerSegment]) -> None:
    renamed = [SpeakerSegment(f"speaker {one.speaker}", one.start_seconds, one.end_seconds) for one in truth]
    assert score(truth, renamed).rate == pytest.approx(0)


@given(segments, segments, st.floats(0, 0.5))
def test_errors_are_never_negative_and_add_up(
    truth: list[SpeakerSegment], found: list[SpeakerSegment], collar_seconds: float
) -> None:
    scored = score(truth, found, collar_seconds=collar_seconds)
    parts = (scored.missed_seconds, scored.false_alarm_seconds, scored.confusion_seconds)
    assert min(parts) >= 0
    assert scored.missed_seconds + scored.confusion_seconds <= scored.spoken_seconds + 1e-9
    turned = score(found, truth)
    if not collar_seconds:
        assert turned.missed_seconds == pytest.approx(scored.false_alarm_seconds)
        assert turned.confusion_seconds == pytest.approx(scored.confusion_seconds)


@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(st.lists(st.floats(0, 10), min_size=width, max_size=width), max_size=5)
    )
)
def test_no_other_assignment_gains_more(gains: list[list[float]]) -> None:
    pairs = assignment(gains)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert len(pairs) == min(len(gains), len(gains[0]) if gains else 0)
    best = 0.0
    if gains:
        rows, columns = range(len(gains)), range(len(gains[0]))
        longer, shorter = (columns, rows) if len(columns) >= len(rows) else (rows, columns)
        flip = longer is rows
        best = max(
            sum(gains[at][index] if flip else gains[index][at] for index, at in zip(shorter, order, strict=False))
            for order in permutations(longer, len(shorter))
        )
    assert sum(gains[row][column] for row, column in pairs) == pytest.approx(best)


@given(segments)
def test_joining_neighbours_changes_nothing_that_is_said(given_segments: list[SpeakerSegment]) -> None:
    in_order = sorted(given_segments, key=lambda one: one.start_seconds)
    assert score(in_order, joined(in_order)).rate == pytest.approx(0)
