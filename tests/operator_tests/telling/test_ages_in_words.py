from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_operator.telling.ages import UNKNOWN, age, in_words
from antiphon_sandbox.api.ages import human_duration

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (252, "4m12s"),
        (700, "11m"),
        (5400, "1h30m"),
        (90_000, "1d1h"),
    ],
)
def test_two_units_at_most(seconds: int, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words


@given(st.integers(0, 10 * 60 - 1))
def test_as_kubectl_words_the_first_minutes(seconds: int) -> None:
    assert in_words(timedelta(seconds=seconds)) == human_duration(timedelta(seconds=seconds))


@pytest.mark.parametrize("text", ["", None, "yesterday", "2026-05-01", "2026-05-01T12:00:00"])
def test_what_is_no_time_has_no_age(text: object) -> None:
    assert age(text, NOW) == UNKNOWN


def test_the_age_of_a_time_with_and_without_fractions() -> None:
    assert age("2026-05-01T11:59:00Z", NOW) == "60s"
    assert age("2026-05-01T13:59:00.25+02:00", NOW) == "59s"
