"""A small writer of SVG: elements with attributes, one a line, in the order in which they are given."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

Attribute = str | float | int


def number(value: float) -> str:
    """To a tenth of a pixel, so that the text does not depend on the last bits of a sum."""
    text = f"{value:.1f}"
    return "0" if text in ("0.0", "-0.0") else text.removesuffix(".0")


def element(name: str, *inside: str, **attributes: Attribute) -> str:
    """`class_` is written as class, `stroke_width` as stroke-width. What is inside is markup: `text` makes it of words."""
    told = "".join(f" {_name(key)}={quoteattr(_value(value))}" for key, value in attributes.items())
    if not inside:
        return f"<{name}{told}/>"
    joined = "\n".join(inside) if any(part.startswith("<") for part in inside) else "".join(inside)
    return f"<{name}{told}>{joined}</{name}>"


def text(words: str, x: float, y: float, **attributes: Attribute) -> str:
    return element("text", escape(words), x=x, y=y, **attributes)


def title(words: str) -> str:
    """What viewers show where one points."""
    return element("title", escape(words))


def group(parts: Iterable[str], **attributes: Attribute) -> str:
    return element("g", *parts, **attributes)


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: Attribute) -> str:
    return value if isinstance(value, str) else number(value)
