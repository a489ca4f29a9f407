"""HTTP as all sources use it: proxies and certificates by environment, keys that never leave their server."""

from __future__ import annotations

import base64
import http.client
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from functools import cache
from typing import IO, Any, cast
from urllib.parse import unquote, urlsplit, urlunsplit

from antiphon_runtime.models.errors import ModelError, UnreachableError

_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
"""Variables that name certificates to trust besides the system's; SSL_CERT_FILE is known to OpenSSL itself."""
_PASSED_ON = "Authorization"


class HttpStatusError(Exception):
    """The server answers with an error."""

    def __init__(self, status: int, url: str, headers: Message, text: str) -> None:
        super().__init__(f"{status} from {url}")
        self.status, self.url, self.headers, self.text = status, url, headers, text


class UntrustedServerError(ModelError):
    """Its certificate is not one that we trust. Trying again does not help."""

    code = "untrusted_server"
    exit_code = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers; the body is read by whoever asked, and closed."""

    status: int
    url: str
    """After redirects."""
    headers: Message
    body: IO[bytes]

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.body.close()

    def read_some(self, most_bytes: int) -> bytes:
        """What has come, at least one byte; nothing at the end."""
        try:
            return cast("bytes", self.body.read1(most_bytes))  # type: ignore[attr-defined]
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self.url, error) from error

    def text(self, most_bytes: int = 64 * 1024 * 1024) -> bytes:
        """The whole body. More than `most_bytes` is no answer to anything that we ask."""
        pieces, size = [], 0
        while piece := self.read_some(1024 * 1024):
            pieces.append(piece)
            size += len(piece)
            if size > most_bytes:
                raise UnreachableError(f"{shown(self.url)} answers without end")
        if 0 <= size < self.length:
            raise UnreachableError(f"{shown(self.url)} broke off after {size} of {self.length} bytes")
        return b"".join(pieces)

    @property
    def length(self) -> int:
        """Length of the body in bytes; -1 where the server does not tell."""
        told = self.headers.get("Content-Length", "")
        return int(told) if told.isdecimal() else -1


class Connections:
    """Opens URLs. Safe to share between threads."""

    def __init__(self, timeout_seconds: float = 30.0) -> None:
        self._timeout_seconds = timeout_seconds
        self._opener = urllib.request.build_opener(_Redirects(), urllib.request.HTTPSHandler(context=_trusted()))
        self._opener.addheaders = [("User-Agent", "antiphon-runtime")]

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Answers of 200 and 206; others raise HttpStatusError. What does not answer at all raises UnreachableError."""
        plain, basic = _without_login(url)
        request = urllib.request.Request(plain, headers={**basic, **(headers or {})})  # noqa: S310 (checked below)
        if request.type not in ("http", "https", "file"):
            raise UnreachableError(f"{shown(url)} is no http, https or file URL")
        try:
            answer = self._opener.open(request, timeout=self._timeout_seconds)
        except urllib.error.HTTPError as error:
            raise _status_error(error) from error
        except (OSError, http.client.HTTPException) as error:
            if isinstance(getattr(error, "reason", None), FileNotFoundError):
                raise HttpStatusError(404, plain, Message(), "") from error
            raise _unreachable(plain, error) from error
        return Answer(answer.status or 200, answer.url, answer.headers, answer)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, without the key when they lead to another server, and never from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        follow = super().redirect_request(req, fp, code, msg, headers, newurl)
        if follow is None:
            return None
        if req.type == "https" and follow.type != "https":
            raise urllib.error.URLError("it redirects from https to http")
        if (req.type, req.host) != (follow.type, follow.host):
            follow.remove_header(_PASSED_ON)
        return follow


@cache
def _trusted() -> ssl.SSLContext:
    context = ssl.create_default_context()
    for name in _CERTIFICATES:
        if path := os.environ.get(name):
            with suppress(OSError):
                context.load_verify_locations(cafile=path)
    return context


def _status_error(error: urllib.error.HTTPError) -> HttpStatusError:
    with error:
        try:
            text = error.read(2000).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            text = ""
        return HttpStatusError(error.code, error.url or "", error.headers, text)


def _unreachable(url: str, error: Exception) -> ModelError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return UntrustedServerError(
            f"the certificate of {shown(url)} is not trusted: {reason.verify_message}",
            "name your authority's certificate in SSL_CERT_FILE",
        )
    words = "it did not answer in time" if isinstance(reason, TimeoutError) else (str(reason) or type(reason).__name__)
    return UnreachableError(
        f"{shown(url)} can't be reached: {words}", "check the network, and HTTPS_PROXY where there is a proxy"
    )


def shown(url: str) -> str:
    """The URL as it may be told: no login, and no query, which may be a signature."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _without_login(url: str) -> tuple[str, dict[str, str]]:
    """`https://user:key@host/` is asked as `https://host/` with a header."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    user, _, key = login.partition(":")
    return urlunsplit(parts._replace(netloc=host)), {_PASSED_ON: basic_login(unquote(user), unquote(key))}


def basic_login(user: str, key: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()
