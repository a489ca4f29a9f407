"""Is there a Prometheus, does it answer, and does it have our metrics?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import quote

import aiohttp

from antiphon_operator.checks.check import Finding, failed, few, ok, warning
from antiphon_operator.checks.cluster import Cluster
from antiphon_operator.kube.errors import ApiError
from antiphon_operator.kube.resources import SERVICES
from antiphon_operator.objects import Obj, name_of, namespace_of

PORT = 9090
READY = "/-/ready"
QUERY = "/api/v1/query?query=" + quote('count({__name__=~"antiphon_.+"})')
_SECONDS = 3.0
_GIVE = "Give its address with --prometheus URL."
_SCRAPE = (
    "Switch the chart's podMonitor on, or have it scrape port 9100 of pods with the label antiphon.dev/agent; and name its"
    " namespace in the chart's prometheus.namespace, or the agents' NetworkPolicies keep it out."
)
Asker = Callable[[str], Awaitable[Any]]
"""Answers a GET of a path of Prometheus; raises UnansweredError."""


class UnansweredError(Exception):
    """It can't be reached, or refuses."""


async def check_prometheus(cluster: Cluster) -> Finding:
    if url := cluster.scope.prometheus_url:
        try:
            return await _asked(_by_url(url.rstrip("/")), url)
        except UnansweredError as error:
            return failed(f"{url} does not answer: {error}", "Check the address, and that it can be reached from here.")
    services = sorted(found_services(await cluster.all_of(SERVICES)), key=_preference)
    if not services:
        return warning("no Service with prometheus in its name has port 9090", f"Install Prometheus. {_GIVE}")
    return await _first(cluster, services)


def found_services(services: Iterable[Obj]) -> list[Obj]:
    return [
        service
        for service in services
        if "prometheus" in name_of(service) and any(port["port"] == PORT for port in service["spec"].get("ports") or ())
    ]


def _preference(service: Obj) -> tuple[bool, int]:
    """One with an address first; short names are those of servers, longer ones those of their helpers."""
    return service["spec"].get("clusterIP") in (None, "", "None"), len(name_of(service))


async def _first(cluster: Cluster, services: Iterable[Obj]) -> Finding:
    """Of the first that answers: at its address, as from inside of the cluster, or through the API server."""
    refusals = []
    for service in services:
        name = f"{namespace_of(service)}/{name_of(service)}"
        for ask in (*_by_address(service), _by_proxy(cluster, service)):
            try:
                return await _asked(ask, name)
            except UnansweredError as error:
                refusals.append(f"{name}: {error}")
    return warning(f"found, but does not answer here: {few(refusals)}", _GIVE)


async def _asked(ask: Asker, name: str) -> Finding:
    await ask(READY)
    answer = await ask(QUERY)
    try:
        result = answer["data"]["result"]
        series = int(float(result[0]["value"][1])) if result else 0
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UnansweredError("its answer to a query makes no sense: is it Prometheus?") from error
    if series == 0:
        return warning(f"{name} is ready and has no metric of ours", _SCRAPE)
    return ok(f"{name} is ready and has {series} series of ours")


def _by_address(service: Obj) -> list[Asker]:
    address = service["spec"].get("clusterIP")
    if address in (None, "", "None"):
        return []
    return [_by_url(f"http://{f'[{address}]' if ':' in address else address}:{PORT}")]


def _by_url(base: str) -> Asker:
    async def ask(path: str) -> Any:
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as http, http.get(base + path) as answer:
                if answer.status != 200:
                    raise UnansweredError(f"HTTP {answer.status} at {path.partition('?')[0]}")
                return await (answer.text() if path == READY else answer.json())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise UnansweredError(str(error) or f"no answer within {_SECONDS:g} s") from error

    return ask


def _by_proxy(cluster: Cluster, service: Obj) -> Asker:
    name, namespace = name_of(service), namespace_of(service)

    async def ask(path: str) -> Any:
        try:
            proxy = f"/api/v1/namespaces/{namespace}/services/{name}:{PORT}/proxy"
            return (await cluster.ask(proxy + path)).body
        except ApiError as error:
            raise UnansweredError(f"through the API server: {error}") from error

    return ask
