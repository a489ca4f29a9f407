from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.bench.playback_clock import PlaybackClock

PIECES = st.lists(st.tuples(st.floats(0, 2), st.floats(0.01, 2)), min_size=1, max_size=30)
"""Time since the piece before, and length, in seconds."""


def played(pieces: list[tuple[float, float]], delay: float = 0.0) -> tuple[PlaybackClock, float]:
    clock, now = PlaybackClock(delay), 0.0
    for waited, seconds in pieces:
        now += waited
        begins = clock.receive(now, seconds)
        assert begins >= now
    return clock, now


@given(PIECES, st.floats(0, 0.5))
def test_it_ends_after_its_sound_and_its_gaps(pieces: list[tuple[float, float]], delay: float) -> None:
    clock, _ = played(pieces, delay)
    assert clock.starts is not None
    assert clock.starts == pytest.approx(pieces[0][0] + delay)
    assert clock.ends == pytest.approx(clock.starts + sum(seconds for _, seconds in pieces) + sum(clock.gaps))
    assert all(gap > 0 for gap in clock.gaps)


@given(PIECES, st.floats(0, 0.5), st.floats(0, 0.5))
def test_who_gathers_more_has_no_more_silence(pieces: list[tuple[float, float]], less: float, more: float) -> None:
    few, many = sorted((less, more))
    assert sum(played(pieces, many)[0].gaps) <= sum(played(pieces, few)[0].gaps) + 1e-9


@given(PIECES, st.floats(0, 5))
def test_what_is_stopped_is_played_no_further(pieces: list[tuple[float, float]], later: float) -> None:
    clock, now = played(pieces)
    total = clock.audio_seconds
    at = now + later
    heard = clock.played(at)
    assert clock.stop(at) == pytest.approx(total - heard)
    clock.receive(at + 1, 1.0)
    assert clock.played(at + 10) == pytest.approx(heard)
    assert clock.left(at + 10) == 0


def test_pieces_in_time_leave_no_gap() -> None:
    clock, _ = played([(1.0, 0.5), (0.5, 0.5), (0.2, 0.5)])
    assert clock.gaps == []


def test_a_late_piece_leaves_a_gap() -> None:
    clock, _ = played([(1.0, 0.5), (0.8, 0.5)])
    assert clock.gaps == [pytest.approx(0.3)]
