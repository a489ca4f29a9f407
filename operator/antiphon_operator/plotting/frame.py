"""Where a panel lies in the picture, and where its values lie in the panel."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_operator.plotting import look


@dataclass(frozen=True, slots=True)
class Frame:
    """The rectangle of one panel's values, in pixels."""

    begin: float
    end: float
    """Seconds at its left and right edge."""
    top: float
    height: float

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def seconds_a_pixel(self) -> float:
        return max(self.end - self.begin, 1e-9) / look.PLOT_WIDTH

    def x(self, at: float) -> float:
        """Of a time; times outside lie on the edge."""
        return look.LEFT + min(max((at - self.begin) / self.seconds_a_pixel, 0.0), look.PLOT_WIDTH)

    def y(self, value: float, top: float) -> float:
        """Of a value where the upper edge is `top`; higher ones lie on the edge."""
        return self.bottom - self.height * min(max(value / top, 0.0), 1.0)
