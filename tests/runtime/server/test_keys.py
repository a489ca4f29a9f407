from __future__ import annotations

import os
from pathlib import Path

import pytest

from antiphon_runtime.configuration import ConfigurationError
from antiphon_runtime.server.keys import Keys, bearer, is_origin_allowed


def test_without_a_file_all_may_ask() -> None:
    assert Keys(None).accept(None)


def test_keys_of_the_file_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("one\ntwo\n")
    keys = Keys(path)
    assert [keys.accept(key) for key in ("one", "two", "three", "", "on", None)] == [True, True] + [False] * 4


def test_keys_are_rotated_without_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("old\n")
    keys = Keys(path)
    path.write_text("new\n")
    os.utime(path, (1, 1))
    assert keys.accept("new")
    assert not keys.accept("old")
    path.unlink()
    assert keys.accept("new")


@pytest.mark.parametrize("content", [None, "", "\n \n"])
def test_a_file_without_keys_is_refused_at_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=str(path)):
        Keys(path)


def test_where_a_key_comes_from() -> None:
    assert bearer({"authorization": "Bearer abc"}) == "abc"
    assert bearer({"authorization": "bearer  abc "}) == "abc"
    assert bearer({"authorization": "Basic abc"}) is None
    assert bearer({}, ["realtime", "openai-insecure-api-key.abc"]) == "abc"
    assert bearer({}) is None


def test_pages_of_other_hosts_are_kept_out() -> None:
    host = {"host": "voice.example:8080"}
    assert is_origin_allowed(host, [])
    assert is_origin_allowed({**host, "origin": "https://voice.example:8080"}, [])
    assert not is_origin_allowed({**host, "origin": "https://evil.example"}, [])
    assert is_origin_allowed({**host, "origin": "https://shop.example"}, ["https://shop.example"])
    assert is_origin_allowed({**host, "origin": "https://evil.example"}, ["*"])
