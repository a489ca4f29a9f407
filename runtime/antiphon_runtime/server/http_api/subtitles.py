"""Words with times as lines that can be read while they are heard; as SubRip and WebVTT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from antiphon_runtime.engines.protocols import Word
from antiphon_runtime.server.http_api.passages import Passage

_LONGEST_SECONDS = 7.0
_MOST_CHARACTERS = 84
_PAUSE_SECONDS = 1.0
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")  # noqa: RUF001 (they are other scripts')


@dataclass(frozen=True, slots=True)
class Line:
    start_seconds: float
    end_seconds: float
    text: str
    passage: Passage


def lines(passages: Iterable[Passage]) -> list[Line]:
    """A passage whose words have no times is one line."""
    found: list[Line] = []
    for passage in passages:
        groups = _groups(passage.transcript.words)
        found += [_line(group, passage) for group in groups]
        if not groups and passage.text:
            found.append(Line(passage.start_seconds, passage.end_seconds, passage.text, passage))
    return found


def srt(found: Sequence[Line]) -> str:
    cues = [f"{index}\n{_span(line, ',')}\n{line.text}\n" for index, line in enumerate(found, 1)]
    return "\n".join(cues)


def vtt(found: Sequence[Line]) -> str:
    return "\n".join(["WEBVTT\n", *(f"{_span(line, '.')}\n{_escaped(line.text)}\n" for line in found)])


def _groups(words: Sequence[Word]) -> list[list[Word]]:
    groups: list[list[Word]] = []
    for word in words:
        if not groups or _ends(groups[-1], word):
            groups.append([])
        groups[-1].append(word)
    return groups


def _ends(group: Sequence[Word], following: Word) -> bool:
    """Whether a new line begins with the word that follows."""
    last = group[-1]
    characters = sum(len(word.text) + 1 for word in group) + len(following.text)
    return (
        last.text.endswith(_SENTENCE_ENDS)
        or following.start_seconds - last.end_seconds >= _PAUSE_SECONDS
        or following.end_seconds - group[0].start_seconds > _LONGEST_SECONDS
        or characters > _MOST_CHARACTERS
    )


def _line(group: Sequence[Word], passage: Passage) -> Line:
    text = " ".join(word.text.strip() for word in group)
    return Line(group[0].start_seconds, group[-1].end_seconds, text, passage)


def _span(line: Line, point: str) -> str:
    return f"{_clock(line.start_seconds, point)} --> {_clock(line.end_seconds, point)}"


def _clock(seconds: float, point: str) -> str:
    whole, ms = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}{point}{ms:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
