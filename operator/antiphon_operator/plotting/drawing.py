"""A picture as SVG: a frame with the time axis, and the panels in it."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon_operator.plotting import look, svg
from antiphon_operator.plotting.band_drawing import band_panel, bands_height
from antiphon_operator.plotting.frame import Frame
from antiphon_operator.plotting.line_drawing import line_panel
from antiphon_operator.plotting.scales import time_ticks, time_words
from antiphon_operator.plotting.series import Mark, Panel, Picture

_MARK_ROOM = 16.0
_LONGEST_MARK = 60


def svg_of(picture: Picture) -> str:
    """The whole file. The same picture gives the same text, to the letter."""
    frames = list(_frames(picture))
    bottom = frames[-1].bottom if frames else look.HEAD
    height = bottom + look.FOOT
    parts = [
        svg.title(picture.title),
        svg.element("style", look.style()),
        svg.element("rect", class_="back", x=0, y=0, width=look.WIDTH, height=height),
        svg.text(picture.title, look.LEFT, 24, class_="title"),
        svg.text(picture.subtitle, look.LEFT, 42, class_="dull"),
        *_time_axis(picture, frames),
        *(_panel(panel, frame) for panel, frame in zip(picture.panels, frames, strict=True)),
        *_marks(picture, frames),
    ]
    whole = svg.element(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {svg.number(look.WIDTH)} {svg.number(height)}",
        width=look.WIDTH,
        height=height,
        role="img",
    )
    return f"{whole}\n"


def _frames(picture: Picture) -> Iterator[Frame]:
    top = look.HEAD + (_MARK_ROOM if picture.marks else 0.0)
    for panel in picture.panels:
        top += look.PANEL_HEAD
        height = bands_height(panel) if panel.bands else look.PANEL_HEIGHT
        yield Frame(picture.begin, picture.end, top, height)
        top += height


def _panel(panel: Panel, frame: Frame) -> str:
    draw = band_panel if panel.bands else line_panel
    return svg.group(draw(panel, frame), class_="chart")


def _time_axis(picture: Picture, frames: list[Frame]) -> Iterator[str]:
    if not frames:
        return
    first, last = frames[0], frames[-1]
    seconds = time_ticks(picture.end - picture.begin)
    step = seconds[1] if len(seconds) > 1 else 1.0
    for each in seconds:
        x = first.x(picture.begin + each)
        yield svg.element("line", class_="grid", x1=x, y1=first.top, x2=x, y2=last.bottom)
        yield svg.text(time_words(each, step), x, last.bottom + 18, class_="dull", text_anchor="middle")


def _marks(picture: Picture, frames: list[Frame]) -> Iterator[str]:
    if not frames:
        return
    taken = -1.0
    for mark in sorted(picture.marks, key=lambda mark: mark.at):
        x = frames[0].x(mark.at)
        words = _shortened(mark)
        parts = [
            svg.title(mark.text),
            svg.element("line", class_="mark", x1=x, y1=look.HEAD, x2=x, y2=frames[-1].bottom),
        ]
        if x > taken:
            right = x + len(words) * look.LETTER > look.WIDTH - look.RIGHT
            parts.append(svg.text(words, x, look.HEAD + 2, class_="dull", text_anchor="end" if right else "start"))
            taken = x + len(words) * look.LETTER
        yield svg.group(parts, class_="moment")


def _shortened(mark: Mark) -> str:
    return mark.text if len(mark.text) <= _LONGEST_MARK else f"{mark.text[: _LONGEST_MARK - 1]}…"
