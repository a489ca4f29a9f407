"""A panel of bands: which of several things was in force when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from antiphon_operator.plotting import look, svg
from antiphon_operator.plotting.frame import Frame
from antiphon_operator.plotting.legend import heading
from antiphon_operator.plotting.series import Panel, Span

_INSET = 5.0


def bands_height(panel: Panel) -> float:
    return len(panel.bands) * (look.BAND_HEIGHT + look.BAND_GAP) + look.BAND_GAP


def band_panel(panel: Panel, frame: Frame) -> Iterator[str]:
    """Names stand in the bands, where there is room; where there is none, viewers show them when one points."""
    yield from heading(panel.title, panel.unit, (), frame)
    colours = _colours(panel)
    for row, band in enumerate(panel.bands):
        top = frame.top + look.BAND_GAP + row * (look.BAND_HEIGHT + look.BAND_GAP)
        yield svg.text(band.name, look.LEFT - 7, top + 14, class_="dull", text_anchor="end")
        for span in band.spans:
            yield svg.group(_span(span, colours[span.name], frame, top), class_="span")


def _colours(panel: Panel) -> Mapping[str, int]:
    names = dict.fromkeys(span.name for band in panel.bands for span in band.spans)
    return {name: index % look.COLOURS for index, name in enumerate(names)}


def _span(span: Span, colour: int, frame: Frame, top: float) -> Iterator[str]:
    left, right = frame.x(span.begin), frame.x(span.end)
    width = max(right - left, 1.0)
    yield svg.title(span.name)
    yield svg.element(
        "rect", class_=f"band f{colour} c{colour}", x=left, y=top, width=width, height=look.BAND_HEIGHT, rx=2
    )
    if len(span.name) * look.LETTER + 2 * _INSET <= width:
        yield svg.text(span.name, left + _INSET, top + 14)
