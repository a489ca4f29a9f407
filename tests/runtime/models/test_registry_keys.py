"""Registries: how they ask for keys, and who gets to see them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import Handler, Shelf, cut, elsewhere, file_server, status
from model_sources import TITLE, basic, blob, found, host, image, put_image, store, wants_bearer

from antiphon_runtime.models.docker_logins import login_for
from antiphon_runtime.models.errors import AccessDeniedError, UnsupportedSourceError
from antiphon_runtime.models.registry import Reference

REPO = "voices/tiny"
WEIGHTS = os.urandom(200_000)
PLAIN = "application/octet-stream"


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with file_server() as shelf:
        yield shelf


class TestKeys:
    """The registry asks for a token, and is given one, and only it."""

    @pytest.fixture
    def login(self, shelf: Shelf, tmp_path: Path) -> dict[str, str]:
        auth = base64.b64encode(b"me:s3cret").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {host(shelf): {"auth": auth}}}))
        return {"DOCKER_CONFIG": str(tmp_path)}

    def test_fetches_a_token_where_it_is_told_to(self, shelf: Shelf, tmp_path: Path, login: dict[str, str]) -> None:
        put_image(shelf, REPO, [(PLAIN, WEIGHTS, {TITLE: "model.bin"})])
        with file_server() as keys:
            wants_bearer(shelf, keys.put("/token", b'{"token": "t0ken"}', "application/json"), ["t0ken"])
            folder = store(tmp_path / "cache", login).folder("tiny", image(shelf))
            assert found(folder) == {"model.bin": WEIGHTS}
            assert keys.asked[0].path == "/token?scope=repository%3Avoices%2Ftiny%3Apull&service=models"
            assert keys.asked[0].headers["Authorization"] == basic("me", "s3cret")
        assert "s3cret" not in "".join(str(asked.headers) for asked in shelf.asked)

    def test_a_public_one_gives_a_token_to_anybody(self, shelf: Shelf, tmp_path: Path) -> None:
        put_image(shelf, REPO, [(PLAIN, WEIGHTS, {TITLE: "model.bin"})])
        with file_server() as keys:
            wants_bearer(shelf, keys.put("/token", b'{"access_token": "t0ken"}', "application/json"), ["t0ken"])
            assert found(store(tmp_path).folder("tiny", image(shelf))) == {"model.bin": WEIGHTS}
            assert keys.asked[0].headers["Authorization"] is None

    def test_an_old_token_is_renewed_in_the_middle(self, shelf: Shelf, tmp_path: Path) -> None:
        put_image(shelf, REPO, [(PLAIN, WEIGHTS, {TITLE: "model.bin"})])
        tokens = ["first"]

        def cut_and_expire(handler: Handler) -> None:
            tokens.append("second")
            keys.put("/token", b'{"token": "second"}', "application/json")
            cut(60_000)(handler)

        with file_server() as keys:
            wants_bearer(shelf, keys.put("/token", b'{"token": "first"}', "application/json"), tokens)
            shelf.faults[blob(REPO, WEIGHTS)] = [cut_and_expire]
            assert found(store(tmp_path).folder("tiny", image(shelf))) == {"model.bin": WEIGHTS}
        assert shelf.last(blob(REPO, WEIGHTS))["Range"] == "bytes=60000-"

    def test_storage_elsewhere_does_not_see_the_token(self, shelf: Shelf, tmp_path: Path) -> None:
        put_image(shelf, REPO, [(PLAIN, WEIGHTS, {TITLE: "model.bin"})])
        with file_server() as keys, file_server() as storage:
            wants_bearer(shelf, keys.put("/token", b'{"token": "t0ken"}', "application/json"), ["t0ken"])
            shelf.faults[blob(REPO, WEIGHTS)] = [elsewhere(storage.put("/bucket", WEIGHTS))]
            store(tmp_path).folder("tiny", image(shelf))
            assert "t0ken" not in str(storage.last("/bucket"))

    def test_basic_is_answered_with_the_login(self, shelf: Shelf, tmp_path: Path, login: dict[str, str]) -> None:
        put_image(shelf, REPO, [(PLAIN, WEIGHTS, {TITLE: "model.bin"})])

        def guard(handler: Handler) -> bool:
            if handler.headers.get("Authorization") == basic("me", "s3cret"):
                return True
            handler.answer(401, b"", **{"WWW-Authenticate": 'Basic realm="voices"'})
            return False

        shelf.guard = guard
        assert found(store(tmp_path / "cache", login).folder("tiny", image(shelf))) == {"model.bin": WEIGHTS}
        with pytest.raises(AccessDeniedError, match="put a login for the registry into docker's config"):
            store(tmp_path / "b").folder("tiny", image(shelf))

    def test_a_login_that_is_not_accepted(self, shelf: Shelf, tmp_path: Path, login: dict[str, str]) -> None:
        with file_server() as keys:
            url = keys.put("/token", b"{}")
            wants_bearer(shelf, url, ["t0ken"])
            keys.faults["/token?scope=repository%3Avoices%2Ftiny%3Apull&service=models"] = [status(401)]
            with pytest.raises(AccessDeniedError, match=r"the login for .* is not accepted") as told:
                store(tmp_path / "cache", login).folder("tiny", image(shelf))
        assert "s3cret" not in str(told.value)

    @pytest.mark.parametrize("realm", ["http://keys.example/token", "file:///etc/passwd", "", "ftp://x/"])
    def test_a_login_is_not_sent_unencrypted(
        self, shelf: Shelf, tmp_path: Path, login: dict[str, str], realm: str
    ) -> None:
        wants_bearer(shelf, realm, ["t0ken"])
        with pytest.raises(UnsupportedSourceError, match="wants its key to be fetched from"):
            store(tmp_path / "cache", login).folder("tiny", image(shelf))

    def test_a_server_without_tokens(self, shelf: Shelf, tmp_path: Path) -> None:
        with file_server() as keys:
            wants_bearer(shelf, keys.put("/token", b"{}"), ["t0ken"])
            with pytest.raises(UnsupportedSourceError, match="without a token"):
                store(tmp_path).folder("tiny", image(shelf))


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("tiny", "docker.io/library/tiny:latest"),
        ("tiny:v1", "docker.io/library/tiny:v1"),
        ("me/tiny:v1", "docker.io/me/tiny:v1"),
        ("localhost/tiny", "localhost/tiny:latest"),
        ("host:5000/a/b/c", "host:5000/a/b/c:latest"),
        ("ghcr.io/a/b:v1", "ghcr.io/a/b:v1"),
        (f"ghcr.io/a/b@sha256:{'0' * 64}", f"ghcr.io/a/b@sha256:{'0' * 64}"),
        (f"ghcr.io/a/b:v1@sha256:{'0' * 64}", f"ghcr.io/a/b:v1@sha256:{'0' * 64}"),
    ],
)
def test_references_are_read_as_docker_does(text: str, full: str) -> None:
    assert str(Reference.parse(text)) == full


@pytest.mark.parametrize(
    ("name", "entry", "login"),
    [
        ("reg.example", {"username": "u", "password": "p:q"}, basic("u", "p:q")),
        ("https://reg.example/v2/", {"auth": base64.b64encode(b"u:p:q").decode()}, basic("u", "p:q")),
        ("reg.example/team", {"auth": base64.b64encode(b"u:t").decode()}, basic("u", "t")),
        ("reg.example/other", {"auth": base64.b64encode(b"u:t").decode()}, None),
        ("reg.example", {"auth": "%%%"}, None),
        ("reg.example", {}, None),
        ("reg.example", [], None),
    ],
)
def test_logins_are_read_as_docker_writes_them(tmp_path: Path, name: str, entry: object, login: str | None) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auths": {name: entry}}))
    assert login_for("reg.example", "team/voice", {"DOCKER_CONFIG": str(tmp_path)}) == login


@pytest.mark.parametrize("text", ["", "[]", '{"auths": []}', '{"credsStore": "x"}'])
def test_a_config_without_logins_has_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert login_for("docker.io", "library/x", {"DOCKER_CONFIG": str(tmp_path)}) is None
