"""Tells people where a long command is: step by step, with the seconds, and with what it is waiting for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

Clock = Callable[[], float]
"""Seconds, from any beginning."""


@dataclass(frozen=True)
class Taken:
    """A step that is over."""

    title: str
    seconds: float


class Step:
    """A step under way."""

    def __init__(self, title: str, clock: Clock, tell_line: Callable[[str], None] | None) -> None:
        self.title = title
        self.detail = ""
        self._clock = clock
        self._tell_line = tell_line
        self._began = clock()
        self._spinner = Spinner("dots")

    @property
    def seconds(self) -> float:
        return self._clock() - self._began

    def tell(self, detail: str) -> None:
        """What it is doing now; told once, however often it is said."""
        if detail == self.detail:
            return
        self.detail = detail
        if self._tell_line and detail:
            self._tell_line(f"  {self.seconds:5.1f} s  {detail}")

    def __rich__(self) -> RenderableType:
        """Asked for again with each refresh: the seconds go on."""
        words = f"{self.title}  {self.seconds:.0f} s" + (f"  {self.detail}" if self.detail else "")
        self._spinner.update(text=Text(words))
        return self._spinner


@dataclass
class Steps:
    """Writes to `console`: with a spinner where it is a terminal, else plain lines."""

    console: Console
    clock: Clock = time.monotonic
    taken: list[Taken] = field(default_factory=list)

    @contextmanager
    def step(self, title: str, *, own_progress: bool = False) -> Iterator[Step]:
        """`own_progress`: what runs in it writes to the terminal itself."""
        if self.console.is_terminal and not own_progress:
            yield from self._spinning(title)
        else:
            yield from self._plain(title)

    def note(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)

    def _spinning(self, title: str) -> Iterator[Step]:
        step = Step(title, self.clock, None)
        with Live(step, console=self.console, refresh_per_second=10, transient=True):
            yield step
        self._over(step)

    def _plain(self, title: str) -> Iterator[Step]:
        step = Step(title, self.clock, self.note)
        self.note(f"{title} ...")
        yield step
        self._over(step)

    def _over(self, step: Step) -> None:
        """A step that fails is not over: who fails tells why."""
        seconds = step.seconds
        self.taken.append(Taken(step.title, seconds))
        self.console.print(Text.assemble(("done", "green"), f"  {step.title}  {seconds:.1f} s"), soft_wrap=True)
