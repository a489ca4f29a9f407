"""Diarization error rate: how much of what was said is attributed to nobody, to too many, or to the wrong speaker."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from antiphon_runtime.diarizing.segments import SpeakerSegment


@dataclass(frozen=True, slots=True)
class Score:
    """Seconds of speech; where several speak at once, each counts."""

    spoken_seconds: float
    missed_seconds: float
    false_alarm_seconds: float
    confusion_seconds: float

    @property
    def rate(self) -> float:
        wrong = self.missed_seconds + self.false_alarm_seconds + self.confusion_seconds
        return wrong / self.spoken_seconds if self.spoken_seconds else math.inf if wrong else 0.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """Nobody begins or ends within it."""

    seconds: float
    truly: frozenset[str]
    found: frozenset[str]


def score(truth: Sequence[SpeakerSegment], found: Sequence[SpeakerSegment], *, collar_seconds: float = 0.0) -> Score:
    """Labels need not be the same: those of `found` are mapped to the truth's as suits them best.

    `collar_seconds` on either side of each of the truth's boundaries are not judged.
    """
    pieces = list(_pieces(truth, found, collar_seconds))
    same = _mapping(pieces)
    spoken = missed = false_alarm = confusion = 0.0
    for piece in pieces:
        both = min(len(piece.truly), len(piece.found))
        right = sum(same.get(name) in piece.truly for name in piece.found)
        spoken += piece.seconds * len(piece.truly)
        missed += piece.seconds * (len(piece.truly) - both)
        false_alarm += piece.seconds * (len(piece.found) - both)
        confusion += piece.seconds * (both - right)
    return Score(spoken, missed, false_alarm, confusion)


def _pieces(
    truth: Sequence[SpeakerSegment], found: Sequence[SpeakerSegment], collar_seconds: float
) -> Iterator[_Piece]:
    edges = {edge for segment in truth for edge in (segment.start_seconds, segment.end_seconds)}
    unjudged = [(edge - collar_seconds, edge + collar_seconds) for edge in sorted(edges)]
    cuts = edges | {edge for segment in found for edge in (segment.start_seconds, segment.end_seconds)}
    cuts |= {edge for bounds in unjudged for edge in bounds}
    ordered = sorted(cuts)
    for start, end in pairwise(ordered):
        middle = (start + end) / 2
        if end > start and not any(low < middle < high for low, high in unjudged):
            yield _Piece(end - start, _speaking(truth, middle), _speaking(found, middle))


def _speaking(segments: Sequence[SpeakerSegment], at: float) -> frozenset[str]:
    return frozenset(segment.speaker for segment in segments if segment.start_seconds <= at < segment.end_seconds)


def _mapping(pieces: Sequence[_Piece]) -> dict[str, str]:
    """From found labels to true ones, one to one, so that as much as possible is right."""
    together: dict[tuple[str, str], float] = defaultdict(float)
    for piece in pieces:
        for name in piece.found:
            for true in piece.truly:
                together[name, true] += piece.seconds
    names = sorted({name for name, _ in together})
    trues = sorted({true for _, true in together})
    gains = [[together.get((name, true), 0.0) for true in trues] for name in names]
    return {names[row]: trues[column] for row, column in assignment(gains)}


def assignment(gains: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Rows and columns, each at most once, with the largest sum of gains (Kuhn's Hungarian method with potentials)."""
    size = max(len(gains), max((len(row) for row in gains), default=0))
    costs = [[0.0] * (size + 1)] + [
        [
            0.0,
            *(-gains[row][column] if row < len(gains) and column < len(gains[row]) else 0.0 for column in range(size)),
        ]
        for row in range(size)
    ]
    row_of = _cheapest(costs, size)
    pairs = [(row_of[column] - 1, column - 1) for column in range(1, size + 1)]
    return [(row, column) for row, column in pairs if row < len(gains) and column < len(gains[row])]


def _cheapest(costs: Sequence[Sequence[float]], size: int) -> list[int]:
    """Row of each column; both count from 1, and row 0 stands for none."""
    of_row, of_column = [0.0] * (size + 1), [0.0] * (size + 1)
    row_of = [0] * (size + 1)
    for row in range(1, size + 1):
        row_of[0] = row
        column, before = 0, [0] * (size + 1)
        least, is_done = [math.inf] * (size + 1), [False] * (size + 1)
        while row_of[column]:
            is_done[column] = True
            at, open_columns = row_of[column], [index for index in range(1, size + 1) if not is_done[index]]
            for index in open_columns:
                cost = costs[at][index] - of_row[at] - of_column[index]
                if cost < least[index]:
                    least[index], before[index] = cost, column
            following = min(open_columns, key=least.__getitem__)
            drop = least[following]
            for index in range(size + 1):
                if is_done[index]:
                    of_row[row_of[index]] += drop
                    of_column[index] -= drop
                else:
                    least[index] -= drop
            column = following
        while column:
            row_of[column], column = row_of[before[column]], before[column]
    return row_of
