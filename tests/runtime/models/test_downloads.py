"""Downloads over a bad line: they go on, and end with what was asked for or with a reason."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import Fault, Shelf, cut, drip, elsewhere, file_server, silent, status, whole
from model_sources import QUICK, sha256

from antiphon_runtime.models.checks import Digest
from antiphon_runtime.models.connections import Connections
from antiphon_runtime.models.downloads import Downloader, Wanted
from antiphon_runtime.models.errors import (
    AccessDeniedError,
    DamagedModelError,
    FetchStoppedError,
    ModelNotFoundError,
    OutOfSpaceError,
    UnreachableError,
    UnsupportedSourceError,
)
from antiphon_runtime.models.patience import Patience, Persistence
from antiphon_runtime.models.progress import Silent

DATA = os.urandom(200_000)
PATH = "/model.bin"


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with file_server() as shelf:
        shelf.put(PATH, DATA)
        yield shelf


class Line:
    """A downloader, and what it told."""

    def __init__(self, timeout_seconds: float = 5.0, patience: Patience = QUICK) -> None:
        self.stop, self.notes = threading.Event(), list[str]()
        persistence = Persistence(self.stop, self.notes.append, patience)
        self.downloader = Downloader(Connections(timeout_seconds), Silent(), persistence)

    def fetch(self, shelf: Shelf, path: Path, content: bytes = DATA, **more: object) -> bytes:
        wanted = Wanted("a model", shelf.url + PATH, Digest("sha256", sha256(content)), **more)  # type: ignore[arg-type]
        self.downloader.fetch(wanted, path)
        return path.read_bytes()


@pytest.mark.parametrize("told", [len(DATA), None])
def test_goes_on_where_it_was_cut(shelf: Shelf, tmp_path: Path, told: int | None) -> None:
    shelf.faults[PATH] = [cut(50_000), cut(50_000), cut(0), cut(50_000)]
    assert Line().fetch(shelf, tmp_path / "a", size_bytes=told) == DATA
    assert [asked.headers["Range"] for asked in shelf.asked] == [
        None,
        "bytes=50000-",
        "bytes=100000-",
        "bytes=100000-",
        "bytes=150000-",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_goes_on_in_another_process_and_begins_anew_where_it_must(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(DATA[:70_000])
    assert Line().fetch(shelf, tmp_path / "a") == DATA
    assert shelf.asked[-1].headers["Range"] == "bytes=70000-"
    (tmp_path / "b.part").write_bytes(b"x" * 70_000)
    assert Line().fetch(shelf, tmp_path / "b") == DATA, "what lay there was wrong"
    (tmp_path / "c.part").write_bytes(DATA[:70_000])
    shelf.faults[PATH] = [whole]
    assert Line().fetch(shelf, tmp_path / "c") == DATA, "the server knows no Range"
    (tmp_path / "d.part").write_bytes(DATA + b"more")
    assert Line().fetch(shelf, tmp_path / "d") == DATA, "the server answers 416"


def test_a_part_that_is_whole_needs_no_server(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(DATA)
    assert Line().fetch(shelf, tmp_path / "a", size_bytes=len(DATA)) == DATA
    assert shelf.asked == []


def test_an_empty_file_is_a_file(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put(PATH, b"")
    assert Line().fetch(shelf, tmp_path / "a", b"", size_bytes=0) == b""


@pytest.mark.parametrize("fault", [status(429, Retry_After="0"), status(503), status(500), status(429), cut(0)])
def test_tries_again_what_may_pass(shelf: Shelf, tmp_path: Path, fault: Fault) -> None:
    shelf.faults[PATH] = [fault, fault]
    line = Line()
    assert line.fetch(shelf, tmp_path / "a") == DATA
    assert len(line.notes) == 2
    assert "trying again" in line.notes[0]


def test_waits_as_long_as_the_server_asks(shelf: Shelf, tmp_path: Path) -> None:
    shelf.faults[PATH] = [status(429, Retry_After="1")]
    began = time.monotonic()
    assert Line().fetch(shelf, tmp_path / "a") == DATA
    assert time.monotonic() - began >= 1


def test_gives_up_in_the_end_and_keeps_what_came(shelf: Shelf, tmp_path: Path) -> None:
    shelf.faults[PATH] = [cut(1000), *[status(503)] * 5]
    with pytest.raises(UnreachableError, match="answers 503"):
        Line().fetch(shelf, tmp_path / "a")
    assert (tmp_path / "a.part").stat().st_size == 1000


def test_one_that_says_nothing_is_given_up(shelf: Shelf, tmp_path: Path) -> None:
    ended = threading.Event()
    shelf.faults[PATH] = [silent(ended)] * 3
    with pytest.raises(UnreachableError, match="did not answer in time"):
        Line(timeout_seconds=0.1).fetch(shelf, tmp_path / "a")
    ended.set()


def test_a_slow_one_is_waited_for_and_can_be_stopped(shelf: Shelf, tmp_path: Path) -> None:
    shelf.faults[PATH] = [drip(20_000, 0.02)]
    assert Line(timeout_seconds=1).fetch(shelf, tmp_path / "a") == DATA
    shelf.faults[PATH] = [drip(1000, 0.05)]
    line = Line()
    threading.Timer(0.3, line.stop.set).start()
    with pytest.raises(FetchStoppedError):
        line.fetch(shelf, tmp_path / "b")
    assert 0 < (tmp_path / "b.part").stat().st_size < len(DATA)


def test_a_pause_can_be_stopped(shelf: Shelf, tmp_path: Path) -> None:
    shelf.faults[PATH] = [status(429, Retry_After="50")]
    line = Line()
    threading.Timer(0.1, line.stop.set).start()
    began = time.monotonic()
    with pytest.raises(FetchStoppedError):
        line.fetch(shelf, tmp_path / "a")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("content", [os.urandom(200_000), DATA + b"more", DATA[:-1]])
def test_wrong_content_is_refused_and_not_kept(shelf: Shelf, tmp_path: Path, content: bytes) -> None:
    shelf.put(PATH, content)
    with pytest.raises(DamagedModelError, match="does not have the content"):
        Line().fetch(shelf, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (404, ModelNotFoundError),
        (410, ModelNotFoundError),
        (418, UnsupportedSourceError),
    ],
)
def test_a_refusal_is_told_at_once(shelf: Shelf, tmp_path: Path, code: int, kind: type[Exception]) -> None:
    shelf.faults[PATH] = [status(code)]
    with pytest.raises(kind, match=str(code)):
        Line().fetch(shelf, tmp_path / "a")
    assert len(shelf.asked) == 1


def test_a_redirect_to_another_server_does_not_take_the_key_along(shelf: Shelf, tmp_path: Path) -> None:
    with file_server() as other:
        url = other.put("/signed", DATA)
        shelf.faults[PATH] = [elsewhere(url), elsewhere(f"{shelf.url}{PATH}")]
        assert Line().fetch(shelf, tmp_path / "a", headers={"Authorization": "Bearer s3cret"}) == DATA
        assert shelf.last(PATH)["Authorization"] == "Bearer s3cret"
        assert "s3cret" not in str(other.last("/signed"))


def test_a_redirect_keeps_range_and_on_the_same_server_the_key(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put("/moved", DATA)
    shelf.faults[PATH] = [elsewhere(f"{shelf.url}/moved")]
    (tmp_path / "a.part").write_bytes(DATA[:10])
    assert Line().fetch(shelf, tmp_path / "a", headers={"Authorization": "Bearer s3cret"}) == DATA
    assert shelf.last("/moved")["Range"] == "bytes=10-"
    assert shelf.last("/moved")["Authorization"] == "Bearer s3cret"


def test_does_not_follow_to_files_of_this_machine(shelf: Shelf, tmp_path: Path) -> None:
    shelf.faults[PATH] = [elsewhere("file:///etc/passwd")]
    with pytest.raises((UnsupportedSourceError, UnreachableError)):
        Line().fetch(shelf, tmp_path / "a")


def test_what_can_not_fit_is_not_begun(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(OutOfSpaceError, match="a model needs"):
        Line().fetch(shelf, tmp_path / "a", size_bytes=10**18)
    assert list(tmp_path.iterdir()) == []


def test_nobody_there(tmp_path: Path) -> None:
    with file_server() as shelf:
        pass
    with pytest.raises(UnreachableError, match="can't be reached"):
        Line().fetch(shelf, tmp_path / "a")


def test_errors_tell_neither_login_nor_signature(shelf: Shelf, tmp_path: Path) -> None:
    url = shelf.url.replace("http://", "http://me:s3cret@") + "/gone?signature=s1gned"
    with pytest.raises(ModelNotFoundError) as told:
        Line().downloader.fetch(Wanted("it", url, Digest("sha256", "0" * 64)), tmp_path / "a")
    assert "s3cret" not in str(told.value)
    assert "s1gned" not in str(told.value)
