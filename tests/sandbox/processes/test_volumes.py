from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.nodes.projections import write_files
from antiphon_sandbox.nodes.volumes import Mounts

NAMES = st.from_regex(r"[a-z]{1,4}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "real"),
    [
        ("/data", "/real/data"),
        ("/data/a.yaml", "/real/data/a.yaml"),
        ("--config=/data/a.yaml", "--config=/real/data/a.yaml"),
        ("cat /data/a /data/b; ls '/data'", "cat /real/data/a /real/data/b; ls '/real/data'"),
        ("/data/inner/x", "/real/inner/x"),
        ("/a:/data:/b", "/a:/real/data:/b"),
        ("/var/data", "/var/data"),
        ("/database", "/database"),
        ("/data-2", "/data-2"),
        ("$HOME/data ${X}/data", "$HOME/data ${X}/data"),
    ],
)
def test_whole_paths_below_a_mount_become_real(text: str, real: str) -> None:
    assert Mounts({"/data": "/real/data", "/data/inner/": "/real/inner"}).real(text) == real


@given(NAMES, NAMES, NAMES)
def test_other_paths_stay(mount: str, other: str, name: str) -> None:
    text = f"/{other}x/{mount}/{name}"
    assert Mounts({f"/{mount}": "/real"}).real(text) == text


def test_files_change_together(tmp_path: Path) -> None:
    write_files(tmp_path, {"a": (b"1", 0o644), "in/b": (b"2", 0o600)})
    opened = (tmp_path / "..data").resolve()
    assert (tmp_path / "a").read_text() == "1"
    assert (tmp_path / "in" / "b").stat().st_mode & 0o777 == 0o600
    write_files(tmp_path, {"a": (b"3", 0o644)})
    assert (tmp_path / "a").read_text() == "3"
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("..")) == ["a"]
    assert not opened.exists(), "the old files are not kept"


@given(st.lists(st.dictionaries(NAMES, st.binary(max_size=8), max_size=4), min_size=1, max_size=4))
def test_the_last_files_are_all_there_is(
    tmp_path_factory: pytest.TempPathFactory, versions: list[dict[str, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("volume")
    for version in versions:
        write_files(folder, {name: (content, 0o644) for name, content in version.items()})
    seen = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith("..")}
    assert seen == versions[-1]
    assert len(list(folder.glob("..*"))) == 2, "..data and what it points to"
