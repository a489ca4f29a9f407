"""Images and artifacts: every digest is checked, nothing in a layer reaches out, keys stay with their registry."""

from __future__ import annotations

import os
import platform
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from file_server import Shelf, cut, file_server, status
from model_sources import (
    INDEX,
    MANIFEST,
    TAR,
    TITLE,
    blob,
    found,
    host,
    image,
    link,
    put_image,
    put_manifest,
    store,
    tar,
    zipped,
)

from antiphon_runtime.models import inventory
from antiphon_runtime.models.errors import (
    DamagedModelError,
    ModelNotFoundError,
    UnreachableError,
    UnsupportedSourceError,
)

REPO = "voices/tiny"
WEIGHTS = os.urandom(200_000)
PLAIN = "application/octet-stream"
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with file_server() as shelf:
        yield shelf


def unpacked(shelf: Shelf, cache: Path, *layers: bytes) -> dict[str, bytes]:
    """What an image of tar layers, the first lowest, becomes."""
    put_image(shelf, REPO, [(TAR, layer, {}) for layer in layers])
    return found(store(cache).folder("tiny", image(shelf)))


class TestArtifact:
    """Layers with titles are files."""

    def test_its_files_are_kept_as_they_are(self, shelf: Shelf, tmp_path: Path) -> None:
        layers = [(PLAIN, WEIGHTS, {TITLE: "model.bin"}), (TAR, b"{}", {TITLE: "sub/config.json"})]
        put_image(shelf, REPO, [*layers, ("application/vnd.oci.empty.v1+json", b"{}", {})])
        asked = store(tmp_path)
        assert found(asked.folder("tiny", image(shelf))) == {"model.bin": WEIGHTS, "sub/config.json": b"{}"}
        (entry,) = inventory.entries(asked.cache)
        assert entry.record.resolved.startswith(f"{host(shelf)}/{REPO}@sha256:")
        assert inventory.verify(asked.cache, entry) == []

    def test_goes_on_after_a_cut(self, shelf: Shelf, tmp_path: Path) -> None:
        put_image(shelf, REPO, [(PLAIN, WEIGHTS, {TITLE: "model.bin"})])
        shelf.faults[blob(REPO, WEIGHTS)] = [cut(60_000), *[status(500)] * 3]
        with pytest.raises(UnreachableError):
            store(tmp_path).folder("tiny", image(shelf))
        assert found(store(tmp_path).folder("tiny", image(shelf))) == {"model.bin": WEIGHTS}
        assert shelf.last(blob(REPO, WEIGHTS))["Range"] == "bytes=60000-"

    def test_a_folder_that_was_packed_is_unpacked(self, shelf: Shelf, tmp_path: Path) -> None:
        notes = {TITLE: "voices", "io.deis.oras.content.unpack": "true"}
        put_image(shelf, REPO, [(f"{TAR}+gzip", zipped(tar(("voices/a.bin", WEIGHTS))), notes)])
        assert found(store(tmp_path).folder("tiny", image(shelf))) == {"voices/a.bin": WEIGHTS}

    def test_a_model_packs_files_are_found_by_their_paths(self, shelf: Shelf, tmp_path: Path) -> None:
        notes = {"org.cncf.model.filepath": "model.bin"}
        kinds = [("application/vnd.cncf.model.weight.v1.raw", WEIGHTS, notes)]
        kinds += [("application/vnd.cncf.model.weight.config.v1.tar", tar(("config.json", b"{}")), notes)]
        put_image(shelf, REPO, kinds)
        assert found(store(tmp_path).folder("tiny", image(shelf))) == {"model.bin": WEIGHTS, "config.json": b"{}"}

    @pytest.mark.parametrize("name", ["../evil.bin", "/evil.bin", "a/../../evil.bin", "..", ""])
    def test_a_title_that_leads_out_is_refused(self, shelf: Shelf, tmp_path: Path, name: str) -> None:
        put_image(shelf, REPO, [(PLAIN, b"evil", {TITLE: name})])
        with pytest.raises(DamagedModelError, match="outside its folder"):
            store(tmp_path / "cache").folder("tiny", image(shelf))
        assert not list(tmp_path.rglob("evil.bin"))


class TestLayers:
    """Layers without titles are archives, laid on each other."""

    def test_later_ones_replace_and_remove(self, shelf: Shelf, tmp_path: Path) -> None:
        base = tar(("model.bin", b"old"), ("./docs/a.md", b"a"), ("docs/b.md", b"b"), ("cache/x", b"x"), ("k", b"k"))
        more = tar(
            ("model.bin", WEIGHTS), ("docs/.wh.a.md", b""), ("cache/.wh..wh..opq", b""), ("k/file", b"now a folder")
        )
        assert unpacked(shelf, tmp_path, base, more) == {
            "model.bin": WEIGHTS,
            "docs/b.md": b"b",
            "k/file": b"now a folder",
        }
        assert list((tmp_path / ".store" / "downloads").glob("*.tar"))

    def test_a_file_may_take_the_place_of_a_folder(self, shelf: Shelf, tmp_path: Path) -> None:
        assert unpacked(shelf, tmp_path, tar(("a/b/c", b"1"), ("d", b"2")), tar(("a", b"3"))) == {"a": b"3", "d": b"2"}

    def test_gzip_by_either_name(self, shelf: Shelf, tmp_path: Path) -> None:
        docker = "application/vnd.docker.image.rootfs.diff.tar.gzip"
        layers: list[tuple[str, bytes, dict[str, str]]] = [
            (docker, zipped(tar(("a", WEIGHTS))), {}),
            (f"{TAR}+gzip", zipped(tar(("b", b"b"))), {}),
        ]
        put_image(shelf, REPO, layers)
        assert found(store(tmp_path).folder("tiny", image(shelf))) == {"a": WEIGHTS, "b": b"b"}

    def test_links_inside_become_the_files_they_stand_for(self, shelf: Shelf, tmp_path: Path) -> None:
        layer = tar(
            link("snapshot/model.bin", "../blobs/b2"),
            link("blobs/b2", "b1"),
            ("blobs/b1", WEIGHTS),
            link("hard.bin", "blobs/b1", hard=True),
        )
        names = ["blobs/b1", "blobs/b2", "hard.bin", "snapshot/model.bin"]
        assert unpacked(shelf, tmp_path, layer) == dict.fromkeys(names, WEIGHTS)

    def test_a_later_layer_does_not_write_through_a_link(self, shelf: Shelf, tmp_path: Path) -> None:
        layers = [tar(("a", b"old"), link("b", "a")), tar(("b", b"new"))]
        assert unpacked(shelf, tmp_path, *layers) == {"a": b"old", "b": b"new"}

    @pytest.mark.parametrize(
        "member",
        [
            ("../evil.bin", b"evil"),
            ("a/../../evil.bin", b"evil"),
            link("evil.bin", "/etc/passwd"),
            link("evil.bin", "../../../../etc/passwd"),
            link("a/evil.bin", "../../x"),
            link("evil.bin", "/etc/passwd", hard=True),
            link("evil.bin", "../x", hard=True),
            link("evil.bin", "nothing"),
            link("evil.bin", "evil.bin"),
            link("evil.bin", ".."),
        ],
        ids=lambda member: str(getattr(member[0], "linkname", member[0])),
    )
    def test_what_leads_out_or_nowhere_is_refused(self, shelf: Shelf, tmp_path: Path, member: Any) -> None:
        with pytest.raises(DamagedModelError, match="tiny"):
            unpacked(shelf, tmp_path / "cache", tar(("good.bin", b"x"), member))
        assert not list(tmp_path.rglob("evil.bin"))
        assert not (tmp_path / "cache" / "tiny").exists()

    def test_nothing_is_written_through_a_folder_that_is_a_link(self, shelf: Shelf, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        layer = tar(link("door", str(tmp_path / "outside")), ("door/evil.bin", b"evil"))
        with pytest.raises(DamagedModelError, match="leads out"):
            unpacked(shelf, tmp_path / "cache", layer)
        assert list((tmp_path / "outside").iterdir()) == []

    @pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
    def test_devices_and_pipes_are_refused(self, shelf: Shelf, tmp_path: Path, kind: bytes) -> None:
        info = tarfile.TarInfo("dev")
        info.type = kind
        with pytest.raises(DamagedModelError, match="neither file nor folder nor link"):
            unpacked(shelf, tmp_path, tar((info, b"")))

    @pytest.mark.parametrize(
        "content", [b"no tar" * 200, tar(("a", WEIGHTS))[:5000], zipped(tar(("a", WEIGHTS)))], ids=["no", "cut", "gzip"]
    )
    def test_an_archive_that_is_none(self, shelf: Shelf, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(DamagedModelError, match="can't be unpacked"):
            unpacked(shelf, tmp_path, content)

    def test_a_cut_gzip(self, shelf: Shelf, tmp_path: Path) -> None:
        put_image(shelf, REPO, [(f"{TAR}+gzip", zipped(tar(("a", WEIGHTS)))[:1000], {})])
        with pytest.raises(DamagedModelError, match="can't be unpacked"):
            store(tmp_path).folder("tiny", image(shelf))

    @pytest.mark.parametrize(
        ("media_type", "words"),
        [
            (f"{TAR}+zstd", "packed with zstd; push it with gzip"),
            ("application/vnd.ollama.image.model", "neither a tar archive nor a file with a title"),
        ],
    )
    def test_what_we_can_not_read_is_told(self, shelf: Shelf, tmp_path: Path, media_type: str, words: str) -> None:
        put_image(shelf, REPO, [(media_type, b"x", {})])
        with pytest.raises(UnsupportedSourceError, match=words):
            store(tmp_path).folder("tiny", image(shelf))


class TestManifest:
    """Tags, digests, indexes."""

    def test_by_digest_it_must_have_that(self, shelf: Shelf, tmp_path: Path) -> None:
        digest = put_image(shelf, REPO, [(PLAIN, WEIGHTS, {TITLE: "model.bin"})])
        assert found(store(tmp_path).folder("tiny", image(shelf, f":any@{digest}"))) == {"model.bin": WEIGHTS}
        path = f"/v2/{REPO}/manifests/{digest}"
        shelf.put(path, shelf.items[path].content + b" ", MANIFEST)
        with pytest.raises(DamagedModelError, match=f"not {digest}"):
            store(tmp_path / "b").folder("tiny", image(shelf, f"@{digest}"))

    def test_by_tag_it_must_have_the_digest_that_is_told(self, shelf: Shelf, tmp_path: Path) -> None:
        put_image(shelf, REPO, [(PLAIN, WEIGHTS, {TITLE: "model.bin"})])
        path = f"/v2/{REPO}/manifests/v1"
        shelf.put(path, shelf.items[path].content, MANIFEST, Docker_Content_Digest=f"sha256:{'0' * 64}")
        with pytest.raises(DamagedModelError, match="do not trust it"):
            store(tmp_path).folder("tiny", image(shelf))

    def test_a_blob_must_have_its_digest(self, shelf: Shelf, tmp_path: Path) -> None:
        put_image(shelf, REPO, [(PLAIN, WEIGHTS, {TITLE: "model.bin"})])
        shelf.put(blob(REPO, WEIGHTS), bytes(reversed(WEIGHTS)))
        with pytest.raises(DamagedModelError, match="does not have the content"):
            store(tmp_path).folder("tiny", image(shelf))

    def test_a_tag_stays_what_it_was_until_it_is_asked_anew(self, shelf: Shelf, tmp_path: Path) -> None:
        put_image(shelf, REPO, [(PLAIN, b"old", {TITLE: "model.bin"})])
        asked = store(tmp_path)
        asked.folder("tiny", image(shelf))
        put_image(shelf, REPO, [(PLAIN, b"new", {TITLE: "model.bin"})])
        assert found(asked.folder("tiny", image(shelf))) == {"model.bin": b"old"}
        assert found(asked.refresh("tiny", image(shelf))) == {"model.bin": b"new"}

    def index(self, shelf: Shelf, *platforms: tuple[str, str]) -> None:
        entries = []
        for system, machine in platforms:
            digest = put_image(shelf, REPO, [(PLAIN, machine.encode(), {TITLE: "machine"})], tag=machine)
            told = {"os": system, "architecture": machine}
            entries.append({"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": told})
        put_manifest(shelf, REPO, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})

    def test_of_an_index_the_one_for_this_machine_is_taken(self, shelf: Shelf, tmp_path: Path) -> None:
        self.index(shelf, ("linux", "riscv64"), ("linux", MACHINE), ("windows", MACHINE))
        assert found(store(tmp_path).folder("tiny", image(shelf))) == {"machine": MACHINE.encode()}

    def test_of_an_index_the_only_one_is_taken(self, shelf: Shelf, tmp_path: Path) -> None:
        self.index(shelf, ("linux", "riscv64"), ("unknown", "unknown"))
        assert found(store(tmp_path).folder("tiny", image(shelf))) == {"machine": b"riscv64"}

    def test_an_index_without_this_machine_says_which_it_has(self, shelf: Shelf, tmp_path: Path) -> None:
        self.index(shelf, ("linux", "riscv64"), ("linux", "s390x"))
        with pytest.raises(ModelNotFoundError, match="it is for linux/riscv64, linux/s390x"):
            store(tmp_path).folder("tiny", image(shelf))

    @pytest.mark.parametrize(
        "content",
        [
            b"<html>",
            b"[]",
            b'{"schemaVersion": 1}',
            b'{"schemaVersion": 2}',
            b'{"schemaVersion": 2, "layers": [3]}',
            b'{"schemaVersion": 2, "layers": [{"mediaType": "a", "digest": "md5:1", "size": 1}]}',
            b'{"schemaVersion": 2, "manifests": 3}',
            b'{"schemaVersion": 2, "manifests": ["x"]}',
        ],
    )
    def test_what_is_no_manifest(self, shelf: Shelf, tmp_path: Path, content: bytes) -> None:
        shelf.put(f"/v2/{REPO}/manifests/v1", content, MANIFEST)
        with pytest.raises(UnsupportedSourceError):
            store(tmp_path).folder("tiny", image(shelf))

    def test_an_image_without_files(self, shelf: Shelf, tmp_path: Path) -> None:
        put_image(shelf, REPO, [])
        with pytest.raises(ModelNotFoundError, match="has no files"):
            store(tmp_path).folder("tiny", image(shelf))

    def test_an_image_that_is_not_there(self, shelf: Shelf, tmp_path: Path) -> None:
        with pytest.raises(ModelNotFoundError, match=r"voices/tiny:v1 is not there"):
            store(tmp_path).folder("tiny", image(shelf))
