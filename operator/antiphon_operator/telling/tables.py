"""Tables in kubectl's manner: no lines, titles in capitals, columns as wide as their widest cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from antiphon_operator.telling.colours import coloured

Cell = str | Text
_GAP = 3


def plain_table(titles: Sequence[str], rows: Iterable[Sequence[Cell]], indent: int = 0) -> Text:
    """Cells are never cut, and the last one is not padded: print it with `soft_wrap`. A word as `str` gets its colour."""
    body = [[cell if isinstance(cell, Text) else coloured(cell) for cell in row] for row in rows]
    widths = widths_of(titles, body)
    head = [Text(title.upper(), style="dim") for title in titles]
    return Text("\n").join(line(row, widths, indent) for row in [head, *body])


def widths_of(titles: Sequence[str], rows: Iterable[Sequence[Text]]) -> list[int]:
    whole = [[len(title) for title in titles], *([cell.cell_len for cell in row] for row in rows)]
    return [max(column) for column in zip(*whole, strict=True)]


def line(cells: Sequence[Text], widths: Sequence[int], indent: int = 0) -> Text:
    text = Text(" " * indent)
    for cell, width in zip(cells[:-1], widths, strict=False):
        text.append_text(cell).append(" " * (max(width - cell.cell_len, 0) + _GAP))
    return text.append_text(cells[-1])
