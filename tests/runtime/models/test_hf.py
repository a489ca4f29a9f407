"""The hub: a revision becomes a commit, its files are checked, its key goes nowhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from file_server import Handler, Shelf, cut, elsewhere, file_server, status
from model_sources import found, put_repo, store, variant

from antiphon_crds.voicemodel import Variant
from antiphon_runtime.models import inventory
from antiphon_runtime.models.errors import (
    AccessDeniedError,
    DamagedModelError,
    ModelNotFoundError,
    UnreachableError,
    UnsupportedSourceError,
)

WEIGHTS = os.urandom(200_000)
FILES = {"model.bin": WEIGHTS, "config.json": b"{}", "onnx/tokens und mehr.txt": b"a b", "empty.txt": b""}
COMMIT = "c" * 40
REPO = "/api/models/o/voice/revision/main?blobs=true"
LARGE = f"/o/voice/resolve/{COMMIT}/model.bin"


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with file_server() as shelf:
        put_repo(shelf, "o/voice", FILES, COMMIT)
        yield shelf


def hub(shelf: Shelf, **more: str) -> dict[str, str]:
    return {"HF_ENDPOINT": f"{shelf.url}/", **more}


def voice(*files: str, **more: object) -> Variant:
    return variant(hf={"repo": "o/voice", "files": list(files), **more})


def test_takes_all_files_of_the_commit(shelf: Shelf, tmp_path: Path) -> None:
    asked = store(tmp_path, hub(shelf))
    assert found(asked.folder("voice", voice())) == FILES
    (entry,) = inventory.entries(asked.cache)
    assert entry.record.resolved == f"o/voice@{COMMIT}"
    assert entry.source == "hf o/voice@main"
    assert inventory.verify(asked.cache, entry) == []


def test_takes_only_the_files_that_are_named(shelf: Shelf, tmp_path: Path) -> None:
    folder = store(tmp_path, hub(shelf)).folder("voice", voice("config.json"))
    assert found(folder) == {"config.json": b"{}"}


def test_others_lie_in_folders_of_their_own(shelf: Shelf, tmp_path: Path) -> None:
    put_repo(shelf, "else/encoder", {"model.bin": b"encoder"}, "d" * 40, "v1.0")
    wanted = voice("config.json", others=[{"repo": "else/encoder", "revision": "v1.0"}])
    asked = store(tmp_path, hub(shelf))
    assert found(asked.folder("voice", wanted)) == {"config.json": b"{}", "encoder/model.bin": b"encoder"}
    assert inventory.entries(asked.cache)[0].record.resolved == f"o/voice@{COMMIT}, else/encoder@{'d' * 40}"


def test_a_branch_may_have_a_slash(shelf: Shelf, tmp_path: Path) -> None:
    put_repo(shelf, "o/voice", {"model.bin": b"pr"}, "e" * 40, "refs%2Fpr%2F1")
    folder = store(tmp_path, hub(shelf)).folder("voice", voice(revision="refs/pr/1"))
    assert found(folder) == {"model.bin": b"pr"}


def test_goes_on_after_a_cut_and_keeps_whole_files(shelf: Shelf, tmp_path: Path) -> None:
    shelf.faults[LARGE] = [cut(50_000), *[status(502)] * 3]
    with pytest.raises(UnreachableError):
        store(tmp_path, hub(shelf)).folder("voice", voice())
    assert found(store(tmp_path, hub(shelf)).folder("voice", voice())) == FILES
    assert shelf.last(LARGE)["Range"] == "bytes=50000-"
    assert shelf.times(f"/o/voice/resolve/{COMMIT}/config.json") == 1


def test_the_key_is_sent_to_the_hub_and_not_to_where_it_redirects(shelf: Shelf, tmp_path: Path) -> None:
    with file_server() as storage:
        shelf.faults[LARGE] = [elsewhere(storage.put("/bucket", WEIGHTS))]
        store(tmp_path, hub(shelf, HF_TOKEN="hf_s3cret")).folder("voice", voice("model.bin"))
        assert shelf.last(LARGE)["Authorization"] == "Bearer hf_s3cret"
        assert shelf.last(REPO)["Authorization"] == "Bearer hf_s3cret"
        assert "s3cret" not in str(storage.last("/bucket"))


def test_the_key_may_lie_where_the_hubs_own_tools_keep_it(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_kept\n")
    store(tmp_path, hub(shelf, HF_HOME=str(tmp_path))).folder("voice", voice("config.json"))
    assert shelf.last(REPO)["Authorization"] == "Bearer hf_kept"


def test_without_a_key_none_is_sent(shelf: Shelf, tmp_path: Path) -> None:
    store(tmp_path, hub(shelf)).folder("voice", voice("config.json"))
    assert shelf.last(REPO)["Authorization"] is None


def test_waits_where_the_hub_asks_to(shelf: Shelf, tmp_path: Path) -> None:
    shelf.faults[REPO] = [status(429, Retry_After="0"), status(504)]
    assert found(store(tmp_path, hub(shelf)).folder("voice", voice())) == FILES


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_a_file_with_another_content_is_refused(shelf: Shelf, tmp_path: Path, name: str) -> None:
    shelf.put(f"/o/voice/resolve/{COMMIT}/{name}", bytes(reversed(FILES[name])))
    with pytest.raises(DamagedModelError, match="does not have the content"):
        store(tmp_path, hub(shelf)).folder("voice", voice())
    assert not (tmp_path / "voice").exists()


@pytest.mark.parametrize(
    ("code", "header", "kind", "words"),
    [
        (401, "RepoNotFound", AccessDeniedError, "not there, or private; put a key that may read it into HF_TOKEN"),
        (401, "GatedRepo", AccessDeniedError, "accept its terms on"),
        (403, "GatedRepo", AccessDeniedError, "accept its terms on"),
        (404, "RevisionNotFound", ModelNotFoundError, "has no revision main"),
        (404, "", ModelNotFoundError, "is not there"),
    ],
)
def test_a_refusal_says_what_helps(
    shelf: Shelf, tmp_path: Path, code: int, header: str, kind: type[Exception], words: str
) -> None:
    shelf.faults[REPO] = [status(code, X_Error_Code=header)]
    with pytest.raises(kind, match=words):
        store(tmp_path, hub(shelf)).folder("voice", voice())


def test_a_gated_file_says_what_helps(shelf: Shelf, tmp_path: Path) -> None:
    shelf.faults[LARGE] = [status(403)]
    with pytest.raises(AccessDeniedError, match="check that the key in HF_TOKEN may read it") as told:
        store(tmp_path, hub(shelf, HF_TOKEN="hf_s3cret")).folder("voice", voice())
    assert "s3cret" not in str(told.value)


def test_a_file_that_is_not_there(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"has no file modell\.bin; it has config\.json"):
        store(tmp_path, hub(shelf)).folder("voice", voice("modell.bin"))


def test_two_files_for_one_place_are_refused(shelf: Shelf, tmp_path: Path) -> None:
    put_repo(shelf, "a/encoder", {"model.bin": b"x"}, "d" * 40)
    put_repo(shelf, "b/encoder", {"model.bin": b"y"}, "e" * 40)
    wanted = voice("config.json", others=[{"repo": "a/encoder"}, {"repo": "b/encoder"}])
    with pytest.raises(UnsupportedSourceError, match=r"two repositories have a file for encoder/model\.bin"):
        store(tmp_path, hub(shelf)).folder("voice", wanted)


@pytest.mark.parametrize("name", ["../evil.bin", "/etc/evil.bin", "a/../../evil.bin"])
def test_a_name_that_leads_out_is_refused(shelf: Shelf, tmp_path: Path, name: str) -> None:
    put_repo(shelf, "o/voice", {name: b"evil"}, COMMIT)
    with pytest.raises(DamagedModelError, match="outside its folder"):
        store(tmp_path / "cache", hub(shelf)).folder("voice", voice())
    assert not list(tmp_path.rglob("evil.bin"))


_SIBLING = {"rfilename": "a", "size": 1}


@pytest.mark.parametrize(
    "told",
    [
        [],
        {},
        {"sha": "x", "siblings": 3},
        {"sha": "x", "siblings": [_SIBLING]},
        {"sha": "x", "siblings": [{**_SIBLING, "lfs": {"size": 1, "sha256": "../x"}}]},
    ],
)
def test_an_answer_that_is_none_of_the_hubs(shelf: Shelf, tmp_path: Path, told: Any) -> None:
    shelf.put(REPO, json.dumps(told).encode(), "application/json")
    with pytest.raises(UnsupportedSourceError):
        store(tmp_path, hub(shelf)).folder("voice", voice())


def test_a_renamed_repository_is_followed_with_the_key(shelf: Shelf, tmp_path: Path) -> None:
    def moved(handler: Handler) -> None:
        handler.answer(307, b"", Location="/api/models/new/voice/revision/main?blobs=true")

    put_repo(shelf, "new/voice", {"model.bin": WEIGHTS}, COMMIT)
    shelf.faults[REPO] = [moved]
    folder = store(tmp_path, hub(shelf, HF_TOKEN="hf_k")).folder("voice", voice())
    assert found(folder) == {"model.bin": WEIGHTS}
    assert shelf.last("/api/models/new/voice/revision/main?blobs=true")["Authorization"] == "Bearer hf_k"
