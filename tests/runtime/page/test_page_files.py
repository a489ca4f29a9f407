"""How the page's files are served."""

from __future__ import annotations

import re

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from antiphon_runtime.page.files import page_files, page_routes


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=page_routes()))


def test_the_first_page_is_at_the_root(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Antiphon</title>" in answer.text


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("app.js", "text/javascript"), ("style.css", "text/css"), ("icon.svg", "image/svg+xml")],
)
def test_files_have_their_types(client: TestClient, name: str, content_type: str) -> None:
    answer = client.get(f"/page/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == content_type
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_browser_that_has_a_file_gets_no_second_copy(client: TestClient) -> None:
    first = client.get("/page/app.js")
    assert first.headers["cache-control"] == "no-cache"
    for tag in (first.headers["etag"], f"W/{first.headers['etag']}", f'"other", {first.headers["etag"]}'):
        again = client.get("/page/app.js", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/page/app.js", headers={"If-None-Match": '"other"'}).status_code == 200


def test_nothing_else_is_served(client: TestClient) -> None:
    for path in ("/page/files.py", "/page/index.html/..", "/page/../__init__.py", "/page/", "/page/latency"):
        assert client.get(path).status_code == 404, path
    assert client.post("/").status_code == 405


def test_scripts_come_from_this_server_only(client: TestClient) -> None:
    answer = client.get("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self' ws: wss:"
    assert "unsafe" not in str(policy)
    assert answer.headers["permissions-policy"].startswith("microphone=(self)")
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=|javascript:", answer.text)


def test_all_that_is_referred_to_is_there_and_relative(client: TestClient) -> None:
    names = {file.name for file in page_files()}
    referred = set(re.findall(r'(?:src|href)="(?!#)([^"]+)"', client.get("/").text))
    assert referred
    assert {path.removeprefix("page/") for path in referred} <= names
    for file in page_files():
        text = file.content.decode()
        assert "://" not in text.replace("http://www.w3.org/2000/svg", ""), file.name
        assert {path.removeprefix("./") for path in re.findall(r'from "([^"]+)"', text)} <= names, file.name


def test_no_file_is_more_than_one_concern() -> None:
    lengths = {file.name: file.content.count(b"\n") for file in page_files()}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_it_can_be_mounted_below_a_path() -> None:
    client = TestClient(Starlette(routes=[Mount("/voice", routes=page_routes())]))
    assert client.get("/voice", follow_redirects=True).url.path == "/voice/"
    assert client.get("/voice/page/app.js").status_code == 200
