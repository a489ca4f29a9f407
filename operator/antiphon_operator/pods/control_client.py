"""Asks a pod for its state, and tells it its tuning."""

from __future__ import annotations

import ipaddress
from typing import Any, Protocol, TypeVar

import aiohttp
import orjson
from pydantic import ValidationError
from yarl import URL

from antiphon_crds.base import Contract
from antiphon_crds.control import State, Tuning, TuningResult
from antiphon_operator import names

TIMEOUT_SECONDS = 3.0
"""For a whole answer. A pod answers in milliseconds; one that is busy loading a model still does so within a second."""
LARGEST_ANSWER_BYTES = 1 << 20
_LONGEST_TEXT = 300
_REFUSALS = {401, 403}
_TUNING_ANSWERS = {200, 202, 409, 422}

Answer = TypeVar("Answer", bound=Contract)


class ControlError(Exception):
    """A pod could not be asked. Its text is fit for a status: short, printable, without the token."""

    reason = "Failed"


class UnreachableError(ControlError):
    """No answer: no connection, a broken one, or none in time."""

    reason = "Unreachable"


class RefusedError(ControlError):
    """The token is not the pod's."""

    reason = "Refused"


class WrongAnswerError(ControlError):
    """An answer that is not of the contract."""

    reason = "AnsweredWrongly"


class Control(Protocol):
    """The control API of all pods. Both raise ControlError."""

    async def state(self, address: str, token: str) -> State: ...

    async def tune(self, address: str, token: str, tuning: Tuning) -> TuningResult: ...


def control_session() -> aiohttp.ClientSession:
    """A session for pods alone: nothing that belongs to the API server can reach them by it.

    A connection is used once: the runtime closes idle ones after the very seconds that we ask it again in.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


class ControlClient:
    """Over HTTP. Redirects and proxies are not followed; more than a mebibyte is not read."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        port: int = names.CONTROL_PORT,
    ) -> None:
        if session.trust_env:
            raise ValueError("the session takes proxies from the environment; make it by control_session()")
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._port = port

    async def state(self, address: str, token: str) -> State:
        status, body = await self._ask("GET", address, "/control/v1/state", token)
        if status != 200:
            raise WrongAnswerError(f"its state was answered with HTTP status {status}")
        return _read(State, body)

    async def tune(self, address: str, token: str, tuning: Tuning) -> TuningResult:
        """What is refused is told in the result, and is no error."""
        status, body = await self._ask("PUT", address, "/control/v1/tuning", token, orjson.dumps(tuning.to_manifest()))
        if status not in _TUNING_ANSWERS:
            raise WrongAnswerError(f"a tuning was answered with HTTP status {status}")
        return _read(TuningResult, body)

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _ask(
        self, method: str, address: str, path: str, token: str, body: bytes | None = None
    ) -> tuple[int, bytes]:
        url, token = _url(address, self._port, path), token.strip()
        headers = {"Authorization": f"Bearer {_sendable(token)}", "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                auto_decompress=False,
                timeout=self._timeout,
            ) as answer:
                status, told = answer.status, await _bounded(answer.content)
        except TimeoutError:
            raise UnreachableError(f"no answer within {self._timeout.total:g} s") from None
        except aiohttp.ClientResponseError:
            raise WrongAnswerError("its answer is no HTTP") from None
        except (aiohttp.ClientError, OSError) as error:
            raise UnreachableError(_short(str(error) or type(error).__name__, token)) from None
        if status in _REFUSALS:
            raise RefusedError(f"it refuses the control token, with HTTP status {status}")
        return status, told.replace(token.encode(), b"***")


def _url(address: str, port: int, path: str) -> URL:
    try:
        host = str(ipaddress.ip_address(address))
    except ValueError:
        raise UnreachableError(_short(f"{address!r} is no IP address")) from None
    return URL.build(scheme="http", host=host, port=port, path=path)


def _sendable(token: str) -> str:
    if not token or not token.isascii() or not token.isprintable():
        raise RefusedError("the control token is empty or can't be sent: it has other than printable ASCII characters")
    return token


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    told = bytearray()
    async for chunk in content.iter_any():
        told += chunk
        if len(told) > LARGEST_ANSWER_BYTES:
            raise WrongAnswerError(f"its answer is longer than {LARGEST_ANSWER_BYTES} bytes")
    return bytes(told)


def _read(kind: type[Answer], body: bytes) -> Answer:
    """Newer pods may say more than we know of."""
    try:
        data: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise WrongAnswerError(_short(f"its answer is no JSON: {error}")) from None
    try:
        return kind.from_manifest(data, ignore_unknown=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise WrongAnswerError(_short(f"its answer is no {kind.__name__}: {where}: {first['msg']}")) from None


def _short(text: str, token: str = "") -> str:
    """Of one line, printable, and not long."""
    known = text.replace(token, "***") if token else text
    return "".join(sign if sign.isprintable() else " " for sign in known)[:_LONGEST_TEXT]
