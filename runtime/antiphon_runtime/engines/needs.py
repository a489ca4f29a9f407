"""What an engine needs from outside: packages, programs, model files, settings; and what it says when one is missing."""

from __future__ import annotations

import ctypes
import gc
import importlib
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Any, TypeVar

from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.protocols import EngineError

_log = logging.getLogger(__name__)
Value = TypeVar("Value", bound=int | float | str)


def label(variant: Variant) -> str:
    return f"engine {variant.engine} of variant '{variant.name}'"


def imported(module: str, variant: Variant, *, package: str) -> Any:
    """The module of a package that only this engine needs."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EngineError(
            f"{label(variant)} needs the package {package} ({error}); install it with: pip install {package}"
        ) from error


def program(variant: Variant, *names: str, install: str) -> str:
    """Path of a program: what option `program` names, else the first of `names`, beside this Python too."""
    wanted = option(variant, "program", "")
    for name in (wanted,) if wanted else names:
        if found := shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent)):
            return found
    raise EngineError(f"{label(variant)} needs the program {wanted or names[0]}; install it with: {install}")


def model_file(variant: Variant, folder: Path, pattern: str) -> Path:
    """The only file of the folder whose name fits the pattern."""
    found = sorted(folder.glob(pattern))
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in found) or "none"
    raise EngineError(f"{label(variant)} needs one file {pattern} in {folder}; there is: {names}")


def option(variant: Variant, name: str, default: Value) -> Value:
    """An option of the variant, of the type of its default."""
    value = variant.options.get(name, default)
    wanted = type(default)
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise EngineError(f"{label(variant)}: option {name} is {value!r}; give it as {wanted.__name__}")
    return value


def count(variant: Variant, name: str, default: int) -> int:
    """An option that is a number of things: at least 1."""
    value = option(variant, name, default)
    if value < 1:
        raise EngineError(f"{label(variant)}: option {name} is {value}; give at least 1")
    return value


def let_openmp_sleep() -> None:
    """To be called before an OpenMP runtime is loaded: its idle threads otherwise spin on cores that others need."""
    if os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE").upper() != "PASSIVE":
        _log.warning("OMP_WAIT_POLICY is %s: idle OpenMP threads spin", os.environ["OMP_WAIT_POLICY"])


def give_back_memory() -> None:
    """Freed memory goes back to the system, as far as the C library can."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):  # not glibc
        _log.debug("the C library keeps freed memory")
