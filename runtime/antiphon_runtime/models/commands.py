"""What the commands of `antiphon-runtime models` do."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

from antiphon_crds.voicemodel import Variant
from antiphon_runtime.models import inventory, sources
from antiphon_runtime.models.cache import Cache
from antiphon_runtime.models.errors import CacheError, FetchStoppedError, ModelError, ModelNotFoundError
from antiphon_runtime.models.inventory import Entry
from antiphon_runtime.models.progress import TerminalBar, in_words
from antiphon_runtime.models.store import ModelStore
from antiphon_runtime.models.wanted_variants import Named, WrongFilesError, read_variants

Command: TypeAlias = Callable[[argparse.Namespace], int]
Told: TypeAlias = dict[str, object]
_WRONG_OPTIONS = 2
_INTERRUPTED = 130


def pull(options: argparse.Namespace) -> int:
    """Goes on after a failure: one model that is not there need not keep the others away."""
    try:
        wanted = _chosen(read_variants(options.files), options)
    except WrongFilesError as error:
        _say(error)
        return _WRONG_OPTIONS
    store = ModelStore(options.cache, offline=options.offline, progress=TerminalBar(sys.stderr))
    told, failures = [], []
    with _stopped_by_signals(store):
        for model, variant in wanted:
            try:
                told.append(_pulled(store, model, variant, refresh=options.refresh))
            except FetchStoppedError as error:
                _say(error)
                return _INTERRUPTED
            except ModelError as error:
                failures.append(error)
                told.append({"model": model, "variant": variant.name, "error": error.as_json()})
                _say(error)
    if not failures:
        store.close()
    _show(options, {"cache": str(options.cache), "variants": told}, [_pulled_line(each) for each in told])
    return failures[0].exit_code if failures else 0


def _chosen(named: Sequence[Named], options: argparse.Namespace) -> list[Named]:
    models, variants = options.model or [], options.variant or []
    _refuse_unknown("model", models, {model for model, _ in named})
    _refuse_unknown("variant", variants, {variant.name for _, variant in named})
    chosen = [
        (model, variant)
        for model, variant in named
        if (not models or model in models) and (not variants or variant.name in variants)
    ]
    if not chosen:
        raise WrongFilesError(
            f"{', '.join(options.files)}: nothing to pull; give VoiceModel documents or a RuntimeConfig"
        )
    return chosen


def _refuse_unknown(what: str, wanted: Sequence[str], known: set[str]) -> None:
    for name in wanted:
        if name not in known:
            raise WrongFilesError(f"no {what} is named {name}; the files have: {', '.join(sorted(known)) or 'none'}")


def _pulled(store: ModelStore, model: str, variant: Variant, *, refresh: bool) -> Told:
    folder = store.refresh(model, variant) if refresh else store.folder(model, variant)
    told: Told = {"model": model, "variant": variant.name, "source": sources.in_words(variant.source)}
    if variant.source is None:
        return {**told, "sizeBytes": 0}
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {**told, "sizeBytes": size, "folder": str(folder)}


def _pulled_line(told: Told) -> list[str]:
    if "error" in told:
        return [str(told["model"]), str(told["variant"]), "failed", "see above"]
    size = in_words(int(str(told["sizeBytes"]))) if "folder" in told else "-"
    return [str(told["model"]), str(told["variant"]), size, str(told.get("folder", "needs no files"))]


def show(options: argparse.Namespace) -> int:
    """`models list`."""
    return _guarded(_listed, options)


def verify(options: argparse.Namespace) -> int:
    return _guarded(_verified, options)


def remove(options: argparse.Namespace) -> int:
    if bool(options.model) == options.unused:
        _say("give either MODEL, and VARIANT if it is to be only one, or --unused")
        return _WRONG_OPTIONS
    return _guarded(_removed, options)


def _guarded(run: Command, options: argparse.Namespace) -> int:
    try:
        return run(options)
    except ModelError as error:
        _say(error)
        return error.exit_code
    except OSError as error:
        _say(f"the cache {options.cache} can't be used: {error.strerror or error}")
        return CacheError.exit_code


def _listed(options: argparse.Namespace) -> int:
    found = inventory.entries(Cache(options.cache), options.model, options.variant)
    lines = [_line(entry) for entry in found] or [[f"{options.cache} has nothing of {options.model or 'any model'}"]]
    _show(options, {"cache": str(options.cache), "variants": [entry.as_json() for entry in found]}, lines)
    return 0


def _line(entry: Entry) -> list[str]:
    state = "damaged" if entry.missing else "whole"
    return [entry.model, entry.variant, in_words(entry.record.size_bytes), state, entry.source]


def _verified(options: argparse.Namespace) -> int:
    cache = Cache(options.cache)
    results = [(entry, inventory.verify(cache, entry)) for entry in _known(cache, options)]
    told = [{"model": entry.model, "variant": entry.variant, "damaged": damaged} for entry, damaged in results]
    lines = [
        [entry.model, entry.variant, f"damaged: {', '.join(damaged)}" if damaged else "as fetched"]
        for entry, damaged in results
    ]
    _show(options, {"cache": str(options.cache), "variants": told}, lines)
    return int(any(damaged for _, damaged in results))


def _removed(options: argparse.Namespace) -> int:
    cache = Cache(options.cache)
    gone = [] if options.unused else _known(cache, options)
    for entry in gone:
        cache.unlink(entry.model, entry.variant)
    freed = cache.drop_unused()
    removed = [{"model": entry.model, "variant": entry.variant} for entry in gone]
    lines = [*([entry.model, entry.variant, "removed"] for entry in gone), ["freed", in_words(freed)]]
    _show(options, {"cache": str(options.cache), "removed": removed, "freedBytes": freed}, lines)
    return 0


def _known(cache: Cache, options: argparse.Namespace) -> list[Entry]:
    found = inventory.entries(cache, options.model, options.variant)
    if not found and options.model:
        name = " ".join(filter(None, [options.model, options.variant]))
        raise ModelNotFoundError(f"{name} is not in {cache.root}", "see `antiphon-runtime models list`")
    return found


@contextmanager
def _stopped_by_signals(store: ModelStore) -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM end a fetch in order. A second one ends the process at once."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (signal's own form)
        store.stop()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(options: argparse.Namespace, told: Told, lines: Sequence[Sequence[str]]) -> None:
    text = json.dumps(told, indent=2) if options.output == "json" else "\n".join(_columns(lines))
    sys.stdout.write(f"{text}\n")


def _columns(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    most = max((len(line) for line in lines), default=0)
    widths = [max((len(line[column]) for line in lines if column < len(line)), default=0) for column in range(most)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()


def _say(text: object) -> None:
    sys.stderr.write(f"{text}\n")
