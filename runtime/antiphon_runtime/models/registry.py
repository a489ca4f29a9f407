"""A registry of OCI images: where it is, and how it wants to be asked for a key."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from antiphon_runtime.models.connections import HttpStatusError, shown
from antiphon_runtime.models.docker_logins import login_for
from antiphon_runtime.models.downloads import Downloader, Page, explained
from antiphon_runtime.models.errors import AccessDeniedError, UnsupportedSourceError

DENIED = "put a login for the registry into docker's config.json (DOCKER_CONFIG names its folder)"
_DEFAULT_HOST = "docker.io"
_ENDPOINTS = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}
_PARAMETER = re.compile(r'([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's reference, taken apart."""

    host: str
    repository: str
    tag: str | None
    digest: str | None

    @staticmethod
    def parse(text: str) -> Reference:
        """As docker reads it: what comes first is a host if it has a dot or a port, or is localhost."""
        named, _, digest = text.partition("@")
        first, slash, rest = named.partition("/")
        if not slash or not ("." in first or ":" in first or first == "localhost"):
            first, rest = _DEFAULT_HOST, named
        path, colon, tag = rest.rpartition(":")
        repository = path if colon else rest
        if first == _DEFAULT_HOST and "/" not in repository:
            repository = f"library/{repository}"
        return Reference(first, repository, (tag if colon else None if digest else "latest"), digest or None)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.host}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


class Registry:
    """Reads one repository."""

    def __init__(self, reference: Reference, downloader: Downloader, environment: Mapping[str, str]) -> None:
        self._reference, self._downloader = reference, downloader
        self._scheme = "http" if _is_loopback(reference.host) else "https"
        self._login = login_for(reference.host, reference.repository, environment)
        self._key: str | None = None

    def url(self, path: str) -> str:
        """Of a manifest or blob. Only a registry on this machine is asked without encryption."""
        host = _ENDPOINTS.get(self._reference.host, self._reference.host)
        return f"{self._scheme}://{host}/v2/{self._reference.repository}/{path}"

    @property
    def headers(self) -> dict[str, str]:
        """What opens it, as far as is known."""
        return {"Authorization": self._key} if self._key else {}

    def page(self, path: str, headers: Mapping[str, str]) -> Page:
        """A manifest. A key is asked for once the registry wants one."""
        try:
            return self._downloader.page(self.url(path), {**headers, **self.headers})
        except HttpStatusError as error:
            if error.status != 401:
                raise self._explained(error) from error
            self._answer(error)
        try:
            return self._downloader.page(self.url(path), {**headers, **self.headers})
        except HttpStatusError as error:
            raise self._explained(error) from error

    def renew(self, path: str) -> None:
        """Asks for a new key: they last for minutes, downloads for longer."""
        self._key = None
        try:
            with self._downloader.connections.get(self.url(path), {"Range": "bytes=0-0"}):
                pass
        except HttpStatusError as error:
            if error.status == 401:
                self._answer(error)

    def _answer(self, refusal: HttpStatusError) -> None:
        """Answers a challenge (RFC 7235): with the login itself, or with a token from the server that it names."""
        told = refusal.headers.get_all("WWW-Authenticate") or []
        challenges = {scheme.lower(): rest for scheme, _, rest in (each.partition(" ") for each in told)}
        if "bearer" in challenges:
            self._key = f"Bearer {self._token(_parameters(challenges['bearer']))}"
        elif "basic" in challenges and self._login:
            self._key = self._login
        else:
            raise self._explained(refusal)

    def _token(self, challenge: Mapping[str, str]) -> str:
        realm = challenge.get("realm", "")
        if urlsplit(realm).scheme != "https" and not _is_loopback(urlsplit(realm).netloc):
            raise UnsupportedSourceError(f"{self._reference.host} wants its key to be fetched from {shown(realm)!r}")
        scope = challenge.get("scope") or f"repository:{self._reference.repository}:pull"
        query = {"scope": scope} | ({"service": challenge["service"]} if "service" in challenge else {})
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        try:
            page = self._downloader.page(url, {"Authorization": self._login} if self._login else {})
            told = json.loads(page.text)
            return str(told.get("token") or told["access_token"])
        except HttpStatusError as error:
            raise self._explained(error) from error
        except (ValueError, KeyError, AttributeError) as error:
            raise UnsupportedSourceError(f"{shown(realm)} answers without a token") from error

    def _explained(self, error: HttpStatusError) -> Exception:
        if error.status == 401 and self._login:
            said = f"{shown(error.url)} answers 401: the login for {self._reference.host} is not accepted"
            return AccessDeniedError(said, "check docker's config.json")
        return explained(error, str(self._reference), DENIED)


def _parameters(challenge: str) -> dict[str, str]:
    found = _PARAMETER.findall(challenge)
    return {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain for name, quoted, plain in found}


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
