"""Progress of a long command, as people and logs see it."""

from io import StringIO

import pytest
from rich.console import Console

from antiphon_operator.bringing_up.steps import Steps, Taken


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def steps(clock: Clock, *, terminal: bool) -> tuple[Steps, StringIO]:
    output = StringIO()
    return Steps(Console(file=output, force_terminal=terminal, width=80, color_system=None), clock), output


def test_plain_lines_where_it_is_no_terminal() -> None:
    clock = Clock()
    told, output = steps(clock, terminal=False)
    with told.step("a world") as step:
        step.tell("")
        clock.now += 2
        step.tell("loading")
        step.tell("loading")
        clock.now += 1
    assert output.getvalue().splitlines() == ["a world ...", "    2.0 s  loading", "done  a world  3.0 s"]
    assert told.taken == [Taken("a world", 3.0)]


def test_a_spinner_with_the_seconds_where_it_is() -> None:
    clock = Clock()
    told, output = steps(clock, terminal=True)
    with told.step("a world") as step:
        clock.now += 7
        step.tell("loading [what] it needs")
        Console(file=output, width=80).print(step)
    assert "a world  7 s  loading [what] it needs" in output.getvalue()
    assert output.getvalue().rstrip().endswith("done  a world  7.0 s")


def test_a_step_that_fails_is_not_done() -> None:
    told, output = steps(Clock(), terminal=False)
    with pytest.raises(ValueError, match="no"), told.step("a world"):
        raise ValueError("no")
    assert "done" not in output.getvalue()
    assert told.taken == []
