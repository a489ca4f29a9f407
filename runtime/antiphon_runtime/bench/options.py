"""Readers of options: what they refuse, they refuse with what would be right."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from antiphon_crds.scalars import Hardware


def number(
    *, above: float | None = None, least: float | None = None, most: float | None = None
) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
        _check(value, above, least, most)
        return value

    return read


def count(least: int = 1) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        _check(value, None, least, None)
        return value

    return read


def counts(text: str) -> list[int]:
    """`1,2,4`: each once, in their order."""
    return sorted({count()(part) for part in text.split(",")})


def file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text}: there is no such file")
    return path


def hardware(text: str) -> str:
    """A name under which profiles know a machine."""
    try:
        return TypeAdapter[str](Hardware).validate_python(text)
    except ValidationError:
        what = "a hardware name, such as h200-141gb/1g.18gb or cpu-avx512-2"
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None


def _check(value: float, above: float | None, least: float | None, most: float | None) -> None:
    fits = (above is None or value > above) and (least is None or value >= least) and (most is None or value <= most)
    if fits and value == value:
        return
    bounds = [("above", above), ("at least", least), ("at most", most)]
    wanted = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
    raise argparse.ArgumentTypeError(f"{value:g} is out of range; give a number {wanted}")
