"""Is there an API server, is it young enough, and does its clock agree with ours and the operator's?"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Iterator
from datetime import datetime

from antiphon_operator.checks.check import Finding, failed, ok, warning, worst
from antiphon_operator.checks.cluster import Cluster
from antiphon_operator.checks.operator_running import leases

OLDEST_MINOR = 32
_FEATURES = {
    34: "claims of resource.k8s.io/v1, which GPUPools with backend DRA need",
    35: "image volumes without a feature gate, which spec.runtime.modelCache.image needs",
}
"""What comes with a minor version, beside what all supported ones have."""
WARN_SECONDS, FAIL_SECONDS = 2.0, 30.0
_SAMPLES = 3
_NTP = "Set the clock by NTP (chrony, systemd-timesyncd) on the machine that is wrong."


async def check_api_server(cluster: Cluster) -> Finding:
    version = (await cluster.ask("/version")).body
    told = version.get("gitVersion") or "a version that it does not tell"
    found = re.match(r"\d+", str(version.get("minor") or ""))
    minor = int(found[0]) if found and version.get("major") == "1" else None
    if minor is None:
        return warning(f"{told}: can't be judged", f"Antiphon is tested with Kubernetes 1.{OLDEST_MINOR} and later.")
    if minor < OLDEST_MINOR:
        return failed(f"{told} is too old", f"Upgrade to Kubernetes 1.{OLDEST_MINOR} or later.")
    missing = [f"{feature} (1.{since})" for since, feature in _FEATURES.items() if minor < since]
    without = f"; it is without {', and without '.join(missing)}" if missing else ""
    return ok(f"{told} at {cluster.origin}{without}")


async def check_clock(cluster: Cluster) -> Finding:
    """The Date header has whole seconds, so that half a second of the difference is not known."""
    replies = [await cluster.ask("/version") for _ in range(_SAMPLES)]
    skews = [skew_seconds(reply.served_at, reply.asked_at) for reply in replies if reply.served_at is not None]
    if not skews:
        return warning("the API server sends no Date header, so its clock is not known", _NTP)
    skew = statistics.median(skews)
    findings = [*_judged(skew, "the API server's clock"), *_ahead(await leases(cluster))]
    return worst(findings, ok(f"the API server's clock agrees with ours within {abs(skew) + 0.5:.1f} s"))


def skew_seconds(served_at: datetime, asked_at: datetime) -> float:
    """How far the API server's clock is ahead of ours. It cut its fraction of a second off: half of one is put back."""
    return (served_at - asked_at).total_seconds() + 0.5


def _judged(skew: float, whose: str) -> Iterator[Finding]:
    if abs(skew) <= WARN_SECONDS:
        return
    message = f"{whose} is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} ours"
    if abs(skew) > FAIL_SECONDS:
        yield failed(message, f"{_NTP} Leases and certificates are judged by it.")
    else:
        yield warning(message, _NTP)


def _ahead(found: Iterable[tuple[str, float | None]]) -> Iterator[Finding]:
    """A lease can't have been renewed in the future; how far its holder is behind can't be told."""
    for name, age in found:
        if age is not None and age < -WARN_SECONDS:
            message = f"the clock of the holder of Lease {name} is {-age:.1f} s ahead of the API server's"
            yield (failed if -age > FAIL_SECONDS else warning)(message, _NTP)
