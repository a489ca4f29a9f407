"""Sizes and colours of a picture. Colours are readable on white and on black, and told apart by the colour-blind."""

from __future__ import annotations

from typing import Final

WIDTH: Final = 960.0
LEFT: Final = 62.0
RIGHT: Final = 18.0
HEAD: Final = 58.0
"""Above the first panel: title and subtitle."""
PANEL_HEAD: Final = 30.0
"""Above each panel: its title and legend."""
PANEL_HEIGHT: Final = 104.0
BAND_HEIGHT: Final = 20.0
BAND_GAP: Final = 4.0
FOOT: Final = 34.0
"""Below the last panel: the time axis."""
LETTER: Final = 6.7
"""Width of a letter, about: legends are laid out by it."""

PLOT_WIDTH: Final = WIDTH - LEFT - RIGHT

LIGHT: Final = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#9a6700", "#57606a")
DARK: Final = ("#6cb6ff", "#f69d50", "#6bc46d", "#dcbdfb", "#daaa3f", "#adbac7")
COLOURS: Final = len(LIGHT)

_PLAIN = """\
text{font:11px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
.title{font-size:15px;font-weight:600}
.panel{font-size:12px;font-weight:600}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round}
.dashed{stroke-dasharray:5 3}
.area{stroke:none;fill-opacity:.15}
.band{fill-opacity:.28;stroke-width:1}
.level{stroke-width:1.4;stroke-dasharray:6 4}
.grid{stroke-width:1;shape-rendering:crispEdges}
.mark{stroke-width:1;stroke-dasharray:2 3}"""


def style() -> str:
    """The style sheet, which follows the viewer's wish for dark or light."""
    light = _themed(LIGHT, back="#ffffff", words="#1f2328", dull="#59636e", grid="#d8dee4", level="#cf222e")
    dark = _themed(DARK, back="#0d1117", words="#e6edf3", dull="#9198a1", grid="#30363d", level="#ff7b72")
    return f"{_PLAIN}\n{light}\n@media (prefers-color-scheme:dark){{\n{dark}\n}}"


def _themed(colours: tuple[str, ...], *, back: str, words: str, dull: str, grid: str, level: str) -> str:
    rules = [
        f".back{{fill:{back}}}",
        f"text{{fill:{words}}}.dull{{fill:{dull}}}",
        f".grid{{stroke:{grid}}}.mark{{stroke:{dull}}}.level{{stroke:{level}}}",
    ]
    rules += (f".c{index}{{stroke:{colour}}}.f{index}{{fill:{colour}}}" for index, colour in enumerate(colours))
    return "\n".join(rules)
