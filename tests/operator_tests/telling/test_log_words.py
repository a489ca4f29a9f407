import json

import pytest

from antiphon_operator.telling.log_words import readable

SAID = {
    "time": "2026-05-01T12:00:01.250Z",
    "level": "warning",
    "logger": "antiphon_runtime.server.pod",
    "message": "slow",
}


def test_the_runtimes_lines_are_made_readable() -> None:
    assert readable(json.dumps(SAID)).plain == "12:00:01.250 warning pod: slow"


def test_what_else_they_say_comes_after() -> None:
    line = json.dumps({**SAID, "session": "s1", "exception": "Traceback:\n  x"})
    assert readable(line).plain == "12:00:01.250 warning pod: slow session=s1\nTraceback:\n  x"


@pytest.mark.parametrize("line", ["plain", "{broken", '{"no": "words"}', '["message"]', ""])
def test_other_lines_stay_as_they_are(line: str) -> None:
    assert readable(line).plain == line
