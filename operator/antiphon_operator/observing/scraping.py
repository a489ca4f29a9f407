"""The pods' own pages, asked for directly: what Prometheus would know some seconds later."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from antiphon_operator import names
from antiphon_operator.observing.exposition import Page, PageReader
from antiphon_operator.observing.settings import ScrapeSettings
from antiphon_operator.pods.known import PodAddress, PodKey

_HEADERS = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "identity"}
_LONGEST_TEXT = 200


class PageError(Exception):
    """A pod's page could not be had. Its text is short and printable."""


@dataclass(slots=True)
class Scraped:
    """What one look at pods brought."""

    pages: dict[PodKey, Page] = field(default_factory=dict)
    failures: dict[PodKey, str] = field(default_factory=dict)
    """Why a pod's page could not be had."""


class PodScraper:
    """Redirects and proxies are not followed. The session is one for pods alone, as `control_session()` makes it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        settings: ScrapeSettings | None = None,
        *,
        clock: Callable[[], float],
        port: int = names.CONTROL_PORT,
    ) -> None:
        self._session = session
        self._settings = settings or ScrapeSettings()
        self._clock = clock
        self._port = port
        self._timeout = aiohttp.ClientTimeout(total=self._settings.page_seconds)
        self._reader = PageReader()
        self._asked: dict[PodKey, float] = {}

    async def scrape(self, pods: Sequence[PodAddress]) -> Scraped:
        """Those that were asked longest ago go first; those for which there is no time are asked next time."""
        scraped = Scraped()
        due = sorted(pods, key=lambda pod: self._asked.get(pod.key, float("-inf")))[: self._settings.most_per_look]
        self._asked = {pod.key: self._asked[pod.key] for pod in pods if pod.key in self._asked}
        waiting = iter(due)
        try:
            async with asyncio.timeout(self._settings.tick_seconds), asyncio.TaskGroup() as group:
                for _ in range(min(self._settings.most_at_once, len(due))):
                    group.create_task(self._work_off(waiting, scraped))
        except TimeoutError:
            for pod in due:
                if pod.key not in scraped.pages:
                    scraped.failures.setdefault(pod.key, "there was no time to ask it")
        return scraped

    async def _work_off(self, waiting: Iterator[PodAddress], scraped: Scraped) -> None:
        for pod in waiting:
            self._asked[pod.key] = self._clock()
            try:
                scraped.pages[pod.key] = await self._page(pod)
            except PageError as error:
                scraped.failures[pod.key] = str(error)

    async def _page(self, pod: PodAddress) -> Page:
        try:
            async with self._session.get(
                _url(pod.address, self._port),
                headers=_HEADERS,
                allow_redirects=False,
                auto_decompress=False,
                timeout=self._timeout,
            ) as answer:
                if answer.status != 200:
                    raise PageError(f"its metrics were answered with HTTP status {answer.status}")
                body = await self._bounded(answer.content)
        except TimeoutError:
            raise PageError(f"no metrics within {self._settings.page_seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise PageError(_short(str(error) or type(error).__name__)) from None
        try:
            return self._reader.read(body.decode())
        except ValueError as error:
            raise PageError(_short(f"its metrics can't be read: {error}")) from None

    async def _bounded(self, content: aiohttp.StreamReader) -> bytes:
        told = bytearray()
        async for chunk in content.iter_any():
            told += chunk
            if len(told) > self._settings.largest_page_bytes:
                raise PageError(f"its metrics are longer than {self._settings.largest_page_bytes} bytes")
        return bytes(told)


def problems_of(scraped: Scraped, pods: Sequence[PodAddress]) -> list[str]:
    """What went wrong with these pods, in words."""
    found = [f"pod {pod.name}: {scraped.failures[pod.key]}" for pod in pods if pod.key in scraped.failures]
    pages: Mapping[PodKey, Page] = scraped.pages
    return found + [f"pod {pod.name}: {text}" for pod in pods if pod.key in pages for text in pages[pod.key].problems]


def _url(address: str, port: int) -> URL:
    try:
        host = str(ipaddress.ip_address(address))
    except ValueError:
        raise PageError(_short(f"{address!r} is no IP address")) from None
    return URL.build(scheme="http", host=host, port=port, path="/metrics")


def _short(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:_LONGEST_TEXT]
