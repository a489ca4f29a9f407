"""Runs checks side by side, each with a time limit; what a check can't do is a finding too."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Sequence

from antiphon_operator.checks.catalogue import FIRST
from antiphon_operator.checks.check import Check, Finding, Result, failed, skipped
from antiphon_operator.checks.cluster import Cluster, NotServedError
from antiphon_operator.kube.errors import ApiError, ForbiddenError, UnauthorizedError, UnreachableError

SECONDS = 20.0
"""For one check. They run side by side, so that this is nearly the longest that all take."""
_log = logging.getLogger(__name__)
_CANNOT = re.compile(r'cannot (\w+) resource "([^"]+)".*((?:at the cluster scope|in the namespace).*)')
OnDone = Callable[[Check, Finding], None]


def unseen(check: Check, finding: Finding) -> None:
    """Nobody watches."""


async def examine(
    checks: Sequence[Check], cluster: Cluster, on_done: OnDone = unseen, seconds: float = SECONDS
) -> dict[str, Finding]:
    """What each found. The API server comes first: without it the others are skipped."""
    first = await _done(FIRST, cluster, on_done if FIRST in checks else unseen, seconds)
    others = [check for check in checks if check is not FIRST]
    if first.result is Result.failed:
        found = [_skip(check, on_done) for check in others]
    else:
        found = await asyncio.gather(*(_done(check, cluster, on_done, seconds) for check in others))
    named = {check.name: finding for check, finding in zip(others, found, strict=True)}
    if first.result is Result.failed or FIRST in checks:
        named[FIRST.name] = first
    return named


def is_healthy(findings: Iterable[Finding]) -> bool:
    return all(finding.result is not Result.failed for finding in findings)


async def _done(check: Check, cluster: Cluster, on_done: OnDone, seconds: float) -> Finding:
    try:
        async with asyncio.timeout(seconds):
            finding = await _run(check, cluster)
    except TimeoutError:
        finding = failed(f"it took longer than {seconds:g} s", "The API server may be overloaded; try again.")
    on_done(check, finding)
    return finding


async def _run(check: Check, cluster: Cluster) -> Finding:
    try:
        return await check.run(cluster)
    except NotServedError as error:
        return skipped(str(error), "" if check.name == "crds" else "See the check crds.")
    except UnauthorizedError as error:
        return failed(
            f"the API server does not know you: {error}", "Renew your credentials, or choose another --context."
        )
    except ForbiddenError as error:
        return skipped(_may_not(error), "Have that right bound to you; -n NAMESPACE looks there alone.")
    except UnreachableError as error:
        return failed(f"the API server can't be reached: {error}", "Check the context, the network and the VPN.")
    except ApiError as error:
        return failed(f"the API server refuses: {error}", "Its logs say more.")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        _log.debug("check %s", check.name, exc_info=error)
        return failed(f"an object is not as expected: {error!r}", "Run with -v, and report it: this is our mistake.")


def _may_not(error: ForbiddenError) -> str:
    """The API server's words, without who we are."""
    told = _CANNOT.search(str(error))
    return f"you may not {told[1]} {told[2]}, {told[3]}" if told else f"you may not look: {error}"


def _skip(check: Check, on_done: OnDone) -> Finding:
    finding = skipped(f"the check {FIRST.name} failed")
    on_done(check, finding)
    return finding
