"""Prometheus, found or given; the stand-in answers what a real one answers to these two questions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from antiphon_operator.checks.check import Result
from antiphon_operator.checks.cluster import Scope
from antiphon_operator.checks.prometheus import PORT, found_services

ok, warning, failed, skipped = Result.ok, Result.warning, Result.failed, Result.skipped
ADDRESS = "127.88.9.1"
NOBODY = "127.88.9.2"


@contextmanager
def prometheus(series: int, *, ready: int = 200, answer: Any = None) -> Iterator[str]:
    """On an address of its own, and in a thread: the doctor runs in the test's."""
    result = [{"metric": {}, "value": [1.7e9, str(series)]}] if series else []
    told = answer or {"status": "success", "data": {"resultType": "vector", "result": result}}
    asked: list[str] = []

    async def query(request: web.Request) -> web.Response:
        asked.append(request.query["query"])
        return web.json_response(told)

    async def is_ready(_: web.Request) -> web.Response:
        return web.Response(status=ready, text="Prometheus Server is Ready.\n")

    async def serve() -> None:
        app = web.Application()
        app.add_routes([web.get("/-/ready", is_ready), web.get("/api/v1/query", query)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, ADDRESS, PORT).start()
        started.set()
        await stopping.wait()
        await runner.cleanup()

    started = threading.Event()
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert started.wait(10)
        yield f"http://{ADDRESS}:{PORT}"
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()
    assert all(each == 'count({__name__=~"antiphon_.+"})' for each in asked)


def service(world: Any, name: str, address: str, port: int = PORT) -> None:
    world.put("Service", name, spec={"clusterIP": address, "ports": [{"port": port}]})


def test_a_service_of_that_name_is_asked(world: Any, found: Any) -> None:
    service(world, "prometheus-operated", "None")
    service(world, "my-prometheus", ADDRESS)
    service(world, "prometheus-node-exporter", NOBODY, 9100)
    with prometheus(series=42):
        finding = found("prometheus")
    assert (finding.result, finding.message) == (ok, "default/my-prometheus is ready and has 42 series of ours")


def test_the_given_address_is_asked(found: Any) -> None:
    with prometheus(series=7) as url:
        finding = found("prometheus", Scope(prometheus_url=f"{url}/"))
    assert finding.result is ok
    assert "7 series" in finding.message


def test_one_that_does_not_scrape_us_is_told_how_to(found: Any) -> None:
    with prometheus(series=0) as url:
        finding = found("prometheus", Scope(prometheus_url=url))
    assert finding.result is warning
    assert "podMonitor" in finding.advice


def test_one_that_is_not_ready_or_is_something_else_fails(found: Any) -> None:
    with prometheus(series=1, ready=503) as url:
        assert "HTTP 503" in found("prometheus", Scope(prometheus_url=url)).message
    with prometheus(series=1, answer={"hello": "world"}) as url:
        finding = found("prometheus", Scope(prometheus_url=url))
    assert finding.result is failed
    assert "is it Prometheus?" in finding.message


def test_a_service_that_does_not_answer_is_a_warning_for_it_may_answer_elsewhere(world: Any, found: Any) -> None:
    service(world, "prometheus", NOBODY)
    finding = found("prometheus")
    assert finding.result is warning
    assert "default/prometheus" in finding.message
    assert "--prometheus URL" in finding.advice


def test_none_at_all_is_a_warning(found: Any) -> None:
    assert found("prometheus").result is warning


def test_services_without_a_name_or_port_of_it_are_passed_over() -> None:
    def named(name: str, *ports: int) -> Any:
        return {"metadata": {"name": name}, "spec": {"ports": [{"port": port} for port in ports]}}

    services = [named("prometheus", 9090), named("web", 9090), named("prometheus-x", 80), named("prometheus-external")]
    assert [each["metadata"]["name"] for each in found_services(services)] == ["prometheus"]
