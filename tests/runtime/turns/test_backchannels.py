"""Who says uh-huh does not want the floor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.turns.backchannels import MOST_UNHEARD_MS, Floor, floor, is_backchannel


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "uh-huh",
        "Mm-hmm.",
        "Yeah, yeah.",
        "Oh, I see.",
        "Okay, got it.",
        "That\u2019s right!",
        "Right, of course.",
    ],
)
def test_backchannels(text: str) -> None:
    assert is_backchannel(text)
    assert floor(text, 300) is Floor.KEEP
    assert floor(text, 300, is_answer_expected=True) is Floor.YIELD


@pytest.mark.parametrize(
    "text",
    ["No.", "Stop.", "Wait", "Really?", "Yes but what about Monday", "Right now", "What?", "Okay stop", "I see a dog"],
)
def test_what_wants_the_floor(text: str) -> None:
    assert not is_backchannel(text)
    assert floor(text, 300) is Floor.YIELD


def test_unheard_speech_takes_the_floor_once_it_is_too_long_for_a_backchannel() -> None:
    assert floor(None, MOST_UNHEARD_MS - 1) is Floor.WAIT
    assert floor(None, MOST_UNHEARD_MS) is Floor.YIELD
    assert floor("", 5000) is Floor.WAIT


@given(
    st.lists(st.sampled_from(["yes", "Mm-hmm", "I see", "okay"]), min_size=1, max_size=2),
    st.sampled_from([" ", ", ", ". "]),
)
def test_rows_of_backchannels_are_backchannels(said: list[str], between: str) -> None:
    assert is_backchannel(between.join(said))


@given(st.text(max_size=40))
def test_any_text_is_judged(text: str) -> None:
    assert floor(text, 100) in Floor
