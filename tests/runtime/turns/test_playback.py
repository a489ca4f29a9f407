"""What was generated, sent and played are apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.turns.playback import Playback

sendings = st.lists(st.tuples(st.floats(0, 2), st.floats(1, 2000)), max_size=12)


@given(sendings, st.floats(0, 0.5), st.lists(st.floats(0, 40), min_size=1))
def test_played_never_exceeds_sent_and_never_falls(
    pieces: list[tuple[float, float]], latency: float, moments: list[float]
) -> None:
    playback = Playback(latency_seconds=latency)
    at = 0.0
    for gap, milliseconds in pieces:
        at += gap
        playback.sent(at, milliseconds)
    played = [playback.played_ms(moment) for moment in sorted(moments)]
    assert played == sorted(played)
    assert all(0 <= milliseconds <= playback.sent_ms + 1e-6 for milliseconds in played)
    ends = playback.ends_at_seconds()
    assert (ends is None) == (not pieces)
    if ends is not None:
        assert playback.played_ms(ends + 1e-6) == pytest.approx(playback.sent_ms, abs=0.01)


def test_generated_sent_and_played_are_apart() -> None:
    playback = Playback(latency_seconds=0.05)
    playback.generated(3000)
    playback.sent(10.0, 500)
    playback.sent(10.1, 500)
    assert playback.played_ms(10.65) == pytest.approx(600)
    assert (playback.generated_ms, playback.sent_ms, playback.underruns) == (3000, 1000, 0)


def test_a_piece_that_comes_too_late_is_an_underrun() -> None:
    playback = Playback()
    playback.sent(0.0, 100)
    playback.sent(0.2, 100)
    assert playback.underruns == 1
    assert playback.played_ms(0.25) == pytest.approx(150)


def test_what_was_sent_and_not_played_is_dropped_when_the_client_stops() -> None:
    playback = Playback()
    playback.sent(0.0, 1000)
    playback.stop(0.4)
    assert playback.ends_at_seconds() == pytest.approx(0.4)
    assert playback.played_ms(5.0) == pytest.approx(400)
