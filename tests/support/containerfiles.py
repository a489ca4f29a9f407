"""What a Containerfile says, so that tests can do the same without an engine for containers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_CONTINUED = re.compile(r"\\\n\s*")


@dataclass(frozen=True)
class Instruction:
    stage: int
    """0 for what stands between the first and the second FROM."""
    word: str
    text: str

    @property
    def copied(self) -> tuple[list[str], str]:
        """Of a COPY: sources and target."""
        *sources, target = self.text.split()
        return sources, target


def read_containerfile(path: Path) -> list[Instruction]:
    return list(_instructions(path.read_text(encoding="utf-8")))


def _instructions(text: str) -> Iterator[Instruction]:
    stage = -1
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in _CONTINUED.sub("", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        stage += word == "FROM"
        if word:
            yield Instruction(stage, word, rest.strip())


def of_word(word: str, instructions: list[Instruction], stage: int | None = None) -> list[Instruction]:
    return [each for each in instructions if each.word == word and stage in (None, each.stage)]


def copies_of_the_context(instructions: list[Instruction]) -> list[Instruction]:
    return [each for each in of_word("COPY", instructions) if "--from=" not in each.text]


def variables(word: str, instructions: list[Instruction], stage: int) -> dict[str, str]:
    """What ENV or ARG set, or LABEL."""
    pairs = (pair for each in of_word(word, instructions, stage) for pair in shlex.split(each.text))
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def words_of(command: str, values: Mapping[str, str]) -> list[str]:
    """A plain command of a RUN, with its `${NAME}` filled in."""
    filled = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], command)
    return shlex.split(filled)
