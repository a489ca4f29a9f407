"""Asks Prometheus, or what speaks its API (Thanos, Mimir, VictoriaMetrics), one question at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from antiphon_operator.observing.settings import PrometheusSettings

_LONGEST_TEXT = 200
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}

Rows = list[Any]
"""A vector as Prometheus answers it: each row has `metric`, labels and values, and `value`, time and number as a text."""


class PrometheusError(Exception):
    """No answer, or none that can be used. Its text is short, printable, and without credentials."""


def prometheus_session() -> aiohttp.ClientSession:
    """A session for Prometheus alone, whose connections stay open from tick to tick."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


class PrometheusClient:
    """Redirects and proxies are not followed: `url` is where the API is, with its prefix if it has one."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        settings: PrometheusSettings | None = None,
        *,
        token: Callable[[], str] = lambda: "",
    ) -> None:
        """`token`: asked for each time, as mounted ones are renewed; empty for none. ValueError where the URL is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no URL of a Prometheus; use for instance http://prometheus.monitoring:9090")
        self._session = session
        self._url = url.rstrip("/") + "/api/v1/query"
        self._settings = settings or PrometheusSettings()
        self._timeout = aiohttp.ClientTimeout(total=self._settings.answer_seconds)
        self._token = token

    async def query(self, text: str) -> Rows:
        """The vector that the question is answered with, now."""
        status, body = await self._post(text)
        if status != 200:
            raise PrometheusError(_short(f"Prometheus answered with HTTP status {status}{_why(body)}"))
        return _vector(_json(body))

    async def _post(self, text: str) -> tuple[int, bytes]:
        seconds = self._settings.answer_seconds
        headers = {**_FORM, "Authorization": f"Bearer {token}"} if (token := self._token().strip()) else _FORM
        try:
            async with self._session.post(
                self._url,
                data={"query": text, "timeout": f"{seconds:g}s"},
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
            ) as answer:
                return answer.status, await self._bounded(answer.content)
        except TimeoutError:
            raise PrometheusError(f"Prometheus did not answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PrometheusError(
                _short(f"Prometheus can't be reached: {str(error) or type(error).__name__}")
            ) from None

    async def _bounded(self, content: aiohttp.StreamReader) -> bytes:
        chunks, size = [], 0
        async for chunk in content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > self._settings.largest_answer_bytes:
                raise PrometheusError(f"Prometheus' answer is longer than {self._settings.largest_answer_bytes} bytes")
        return b"".join(chunks)


def _why(body: bytes) -> str:
    """What it says of an error, where it does."""
    try:
        answer = _json(body)
    except PrometheusError:
        return ""
    return f": {answer['error']}" if isinstance(answer, dict) and answer.get("error") else ""


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise PrometheusError("Prometheus' answer is no JSON") from None


def _vector(answer: Any) -> Rows:
    """An answer with warnings is not whole."""
    if not isinstance(answer, dict) or answer.get("status") != "success":
        raise PrometheusError("Prometheus' answer is not a success")
    if warnings := answer.get("warnings"):
        raise PrometheusError(_short(f"Prometheus warns: {warnings[0] if isinstance(warnings, list) else warnings}"))
    data = answer.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "vector" or not isinstance(data.get("result"), list):
        raise PrometheusError("Prometheus' answer is no vector")
    rows: Rows = data["result"]
    return rows


def _short(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:_LONGEST_TEXT]
