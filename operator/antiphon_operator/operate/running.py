"""The operator's process: elected or waiting, healthy or not, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import aiohttp

from antiphon_operator.kube.access import load_access
from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.lease import KubeLeases, LeaseElection
from antiphon_operator.kube.session import Connection
from antiphon_operator.objects import Obj
from antiphon_operator.observing.observer import Observer
from antiphon_operator.observing.prometheus import PrometheusClient, prometheus_session
from antiphon_operator.observing.scraping import PodScraper
from antiphon_operator.operate.health import Health
from antiphon_operator.operate.leading import Leading
from antiphon_operator.operate.metrics import Metrics
from antiphon_operator.operate.settings import OperatorSettings
from antiphon_operator.pods.control_client import ControlClient, control_session

log = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0


async def operate(settings: OperatorSettings) -> int:
    """The exit code. KubeError where it is not known how to reach a cluster."""
    access = load_access(settings.kubeconfig, settings.context)
    log.info(
        "%s cares for %s, by %s", settings.identity, ", ".join(settings.namespaces) or "all namespaces", access.origin
    )
    operator = Operator(settings)
    async with (
        Connection(access, observe=operator.saw_request) as connection,
        control_session() as pods,
        prometheus_session() as elsewhere,
    ):
        await operator.run(
            connection, ControlClient(pods), lambda: _observer(settings, pods, elsewhere, operator.metrics)
        )
    return 0


def _observer(
    settings: OperatorSettings, pods: aiohttp.ClientSession, elsewhere: aiohttp.ClientSession, metrics: Metrics
) -> Observer:
    scraper = PodScraper(pods, clock=asyncio.get_running_loop().time)
    if settings.prometheus_url is None:
        return Observer(scraper, told=metrics)
    client = PrometheusClient(elsewhere, settings.prometheus_url, token=partial(_token, settings.prometheus_token_file))
    return Observer(scraper, client, told=metrics)


def _token(file: Path | None) -> str:
    """Empty where there is none, or it can't be read: Prometheus then says what it thinks of that."""
    try:
        return file.read_text(encoding="utf-8").strip() if file is not None else ""
    except OSError as error:
        log.warning("the token for Prometheus can't be read: %s", error)
        return ""


class Operator:
    """One process. While it does not lead it only looks at the Lease."""

    def __init__(self, settings: OperatorSettings) -> None:
        self._settings = settings
        self.metrics = Metrics()
        self._told_to_end = asyncio.Event()
        self._leading: Leading | None = None
        self._election: LeaseElection | None = None
        self._observer: Callable[[], Observer]

    def saw_request(self, verb: str, resource: str, code: int, seconds: float) -> None:
        self.metrics.saw_request(verb, resource, code, seconds)
        if self._leading is not None:
            self._leading.watches.saw_request(verb, resource, code)

    async def run(self, connection: Connection, control: ControlClient, observer: Callable[[], Observer]) -> None:
        """`observer`: makes one for a term of leadership."""
        self._take_signals()
        self._observer = observer
        health = Health(self.metrics.registry, self._alive, self._ready, self._thought_of)
        async with health.served(self._settings.health_host, self._settings.health_port) as port:
            log.info("health and metrics are at %s:%d", self._settings.health_host, port)
            working = asyncio.create_task(self._work(connection, control), name="operator")
            ended = asyncio.create_task(self._told_to_end.wait())
            await asyncio.wait((working, ended), return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_end.set)

    async def _work(self, connection: Connection, control: ControlClient) -> None:
        if not self._settings.elect:
            await self._lead(Kube(connection), control)
            return
        where = (self._settings.operator_namespace, self._settings.lease)
        election = LeaseElection(KubeLeases(connection, *where), *where, self._settings.identity)
        self._election = election
        kube = Kube(connection, fence=election.fence)
        async with election:
            while True:
                await election.won()
                await self._term(kube, control, election)

    async def _term(self, kube: Kube, control: ControlClient, election: LeaseElection) -> None:
        """From winning to losing."""
        log.info("%s leads", self._settings.identity)
        leading = asyncio.create_task(self._lead(kube, control), name="leading")
        lost = asyncio.create_task(election.lost())
        try:
            await asyncio.wait((leading, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leading.cancel()
            lost.cancel()
            await asyncio.gather(leading, lost, return_exceptions=True)
        log.warning("%s leads no more", self._settings.identity)

    async def _lead(self, kube: Kube, control: ControlClient) -> None:
        """Until cancelled. What should not happen is logged, and all begins anew from what the cluster says."""
        self.metrics.leader.set(1)
        try:
            while True:
                self._leading = Leading(
                    kube,
                    control,
                    self._settings,
                    self.metrics,
                    self._observer(),
                    self._take_signals,
                    self._told_to_end.set,
                )
                try:
                    await self._leading.run()
                except Exception:
                    log.exception("it begins anew")
                await asyncio.sleep(_AGAIN_SECONDS)
        finally:
            self._leading = None
            self.metrics.leader.set(0)

    # --- health ----------------------------------------------------------------------------------------------------

    def _alive(self) -> str | None:
        return self._leading.stale_watch() if self._leading is not None else None

    def _thought_of(self, namespace: str, name: str) -> Obj | None:
        """Who does not lead has thought of none."""
        return self._leading.loop.thought_of((namespace, name)) if self._leading is not None else None

    def _ready(self) -> str | None:
        """One that waits for its turn is ready: it does what it is there for."""
        if self._leading is not None:
            return None if self._leading.is_ready else "what there is is being listed"
        if self._election is not None and self._election.looked:
            return None
        return "who leads is not known yet"
