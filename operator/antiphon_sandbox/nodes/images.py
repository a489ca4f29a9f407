"""The table of images: which local command stands for which container image."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Image(BaseModel):
    """What an image brings. `{ip}` in command, args and env values becomes the pod's address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: list[str] = Field(default=[], description="The entry point; a container's `command` replaces it.")
    args: list[str] = Field(default=[], description="Its arguments; a container's `command` or `args` replace them.")
    env: dict[str, str] = Field(default={}, description="Variables; the container's own come after them.")


Images = dict[str, Image]
"""By repository without registry and tag, or by its last part alone; `*` and `?` stand for any characters."""


def _python(command: list[str], args: list[str]) -> Image:
    """This interpreter, which is also the `python` that the container finds in its PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return Image(command=command, args=args, env={"PATH": path, "PYTHONUNBUFFERED": "1"})


def default_images() -> Images:
    """Our own runtime and operator, this Python, and the machine's shell under the names of small well-known images."""
    shell = Image(args=[shutil.which("sh") or "/bin/sh"])
    return {
        "antiphon-operator": _python([sys.executable, "-m", "antiphon_operator"], ["operator"]),
        "antiphon-runtime": _python([sys.executable, "-m", "antiphon_runtime"], []),
        "python": _python([], [sys.executable]),
        "alpine": shell,
        "bash": Image(args=[shutil.which("bash") or "/bin/bash"]),
        "busybox": shell,
        "debian": shell,
        "ubuntu": shell,
    }


class UnknownImageError(Exception):
    """No entry of the table fits; the text says what to do."""


@dataclass(frozen=True, slots=True)
class ImageTable:
    """Finds an image's entry: an exact name before a pattern, a pattern by its place in the table."""

    entries: Mapping[str, Image]

    @classmethod
    def with_defaults(cls, images: Mapping[str, Image] | None = None) -> ImageTable:
        return cls({**default_images(), **(images or {})})

    def find(self, reference: str) -> Image:
        names = (repository := repository_of(reference), repository.rpartition("/")[2])
        for name in names:
            if found := self.entries.get(name):
                return found
        for pattern, image in self.entries.items():
            if any(fnmatchcase(name, pattern) for name in names):
                return image
        raise UnknownImageError(self._advice(reference, names[1]))

    def _advice(self, reference: str, name: str) -> str:
        return (
            f'no local command stands for image "{reference}", and pods are processes of this machine here; there are'
            f" {', '.join(sorted(self.entries))}. Add it to `images` in the file that `--nodes` names, for"
            f' example: images: {{{name}: {{command: ["/path/to/program"]}}}}'
        )


def repository_of(reference: str) -> str:
    """`ghcr.io/acme/voice:1.2@sha256:0a` is `acme/voice`; `docker.io/library/python` is `python`."""
    path = reference.partition("@")[0]
    first, slash, rest = path.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        path = rest
    head, slash, last = path.rpartition("/")
    return (head + slash + last.partition(":")[0]).removeprefix("library/")
