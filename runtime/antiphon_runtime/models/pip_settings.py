"""Which package indexes pip would ask: from the environment, then pip's configuration files."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_DEFAULT = "https://pypi.org/simple"
_SECTIONS = ("download", "install", "global")


def indexes(environment: Mapping[str, str] = os.environ, prefix: str = sys.prefix) -> list[str]:
    """Base URLs of the indexes in the order in which they are asked; the main one first."""
    files = [_read(path) for path in _files(environment, prefix)]
    main = environment.get("PIP_INDEX_URL") or _first(files, "index-url") or _DEFAULT
    extra = environment.get("PIP_EXTRA_INDEX_URL") or _first(files, "extra-index-url") or ""
    return list(dict.fromkeys(url.rstrip("/") for url in [main.strip(), *extra.split()]))


def _files(environment: Mapping[str, str], prefix: str) -> Iterator[Path]:
    """pip's configuration files, the one that counts most first. PIP_CONFIG_FILE=/dev/null leaves out all."""
    named = environment.get("PIP_CONFIG_FILE")
    if named:
        yield Path(named)
    if named == os.devnull:
        return
    home = Path(environment.get("HOME", "~")).expanduser()
    yield Path(environment.get("VIRTUAL_ENV", prefix)) / "pip.conf"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield home / ".pip" / "pip.conf"
    for folder in (environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")


def _read(path: Path) -> configparser.RawConfigParser:
    """What can't be read counts as empty: it is pip's business, not ours."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        parser.clear()
    return parser


def _first(files: list[configparser.RawConfigParser], option: str) -> str | None:
    for parser in files:
        for section in _SECTIONS:
            for name in (option, option.replace("-", "_")):
                if parser.has_option(section, name):
                    return str(parser.get(section, name))
    return None
