"""What a check is, and what comes out of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from antiphon_operator.checks.cluster import Cluster


class Result(StrEnum):
    """How it looks; the later the worse, but for skipped."""

    skipped = "skipped"
    ok = "ok"
    warning = "warning"
    failed = "failed"


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    result: Result
    message: str
    advice: str = ""
    """What to do. Empty where nothing is to be done."""


@dataclass(frozen=True)
class Check:
    """One thing that is looked at."""

    name: str
    """As `--only` takes it."""
    looks_at: str
    """For the documentation, as a sentence."""
    run: Callable[[Cluster], Awaitable[Finding]]


def ok(message: str, advice: str = "") -> Finding:
    return Finding(Result.ok, message, advice)


def skipped(message: str, advice: str = "") -> Finding:
    return Finding(Result.skipped, message, advice)


def warning(message: str, advice: str) -> Finding:
    return Finding(Result.warning, message, advice)


def failed(message: str, advice: str) -> Finding:
    return Finding(Result.failed, message, advice)


_ORDER = tuple(Result)


def worst(findings: Iterable[Finding], otherwise: Finding) -> Finding:
    """One of them all: the worst result, and what all that have it say. `otherwise` where there are none."""
    found = list(findings)
    if not found:
        return otherwise
    result = max((finding.result for finding in found), key=_ORDER.index)
    chosen = [finding for finding in found if finding.result is result]
    messages = dict.fromkeys(finding.message for finding in chosen)
    advices = dict.fromkeys(finding.advice for finding in chosen if finding.advice)
    return Finding(result, "; ".join(messages), " ".join(advices))


def few(names: Iterable[str], most: int = 5) -> str:
    """The first of them, and how many more there are."""
    found = list(names)
    more = len(found) - most
    return ", ".join(found[:most]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, what: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
