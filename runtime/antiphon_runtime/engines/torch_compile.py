"""torch.compile in several ways, one after another, until one holds.

The ways: `mode` (torch.compile with `compileMode`), `options` (with `compileOptions`), `plain` (with neither) and at
last `eager`, the module as it is. Errors of the compiler come with the first call, so each way is tried with example
inputs. Options of a variant: `compile`, the ways in order, or true or false for all or none; `compileMode`;
`compileOptions`; `cudaGraphs`; `tf32`.
"""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import label
from antiphon_runtime.engines.protocols import EngineError

_log = logging.getLogger(__name__)
Way: TypeAlias = Literal["mode", "options", "plain"]
How: TypeAlias = Literal["mode", "options", "plain", "eager"]
WAYS: tuple[Way, ...] = get_args(Way)
_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
_GRAPHS_OPTION = "triton.cudagraphs"
_WITHOUT_GRAPHS = {"reduce-overhead": "default", "max-autotune": "max-autotune-no-cudagraphs"}
"""Modes that capture CUDA graphs, and what they are without."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a variant wants its modules compiled."""

    ways: tuple[Way, ...] = WAYS
    mode: str = "reduce-overhead"
    options: Mapping[str, Any] = field(default_factory=dict)
    tf32: bool | None = None
    """None: torch's own setting is left as it is."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A way that did not hold."""

    how: How
    error: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """What is to be called from now on, in torch's inference mode, as otherwise it is compiled anew.

    With CUDA graphs a call overwrites the results of the one before: copy what is kept.
    """

    module: Callable[..., Any]
    how: How
    failures: tuple[Failure, ...]
    seconds: float
    """From the first try to the one that held."""


def plan_of(variant: Variant) -> Plan:
    """Raises EngineError where an option can't be.

    `cudaGraphs` false takes the graphs out of mode and options, true asks for them; left out, mode and options decide.
    """
    options = variant.options
    graphs = _switch(variant, "cudaGraphs")
    mode = options.get("compileMode", "default" if graphs is False else "reduce-overhead")
    if mode not in _MODES:
        raise EngineError(f"{label(variant)}: option compileMode is {mode!r}; give one of {', '.join(_MODES)}")
    more = options.get("compileOptions", {})
    if not isinstance(more, Mapping):
        raise EngineError(f"{label(variant)}: option compileOptions is {more!r}; give options of torch.compile")
    if graphs is not None:
        more = {_GRAPHS_OPTION: graphs} | dict(more) if graphs else dict(more) | {_GRAPHS_OPTION: False}
        mode = mode if graphs else _WITHOUT_GRAPHS.get(mode, mode)
    return Plan(_ways(variant, options.get("compile", [])), mode, dict(more), _switch(variant, "tf32"))


def compiled(name: str, module: Callable[..., Any], example: Sequence[Any], plan: Plan) -> Compiled:
    """The module in the first way of the plan that takes the example inputs; their results are thrown away.

    Blocks for as long as the compiler takes. Raises what the module itself raises when it is not compiled.
    """
    torch = _torch()
    set_tf32(plan.tf32)
    began = time.monotonic()
    failures: list[Failure] = []
    with torch.inference_mode():
        for way in plan.ways:
            try:
                found = torch.compile(module, **_arguments(way, plan))
                _call(torch, found, example)
            except Exception as error:  # whatever the compiler and its backends may raise
                failures.append(Failure(way, _short(error)))
                _log.warning("%s can't be compiled by %s: %s", name, _told(way, plan), failures[-1].error)
                torch.compiler.reset()
            else:
                return _held(name, found, way, failures, began)
        _call(torch, module, example)
    return _held(name, module, "eager", failures, began)


def set_tf32(wanted: bool | None) -> None:
    """Whether products of 32 bit floats may be rounded to 10 bits on the tensor cores. None: left as it is."""
    if wanted is not None:
        _torch().set_float32_matmul_precision("high" if wanted else "highest")
        _torch().backends.cudnn.allow_tf32 = wanted


def _held(name: str, module: Callable[..., Any], how: How, failures: list[Failure], began: float) -> Compiled:
    seconds = time.monotonic() - began
    _log.info("%s runs %s, after %.1f s", name, "eager" if how == "eager" else f"compiled by {how}", seconds)
    return Compiled(module, how, tuple(failures), seconds)


def _arguments(way: Way, plan: Plan) -> dict[str, Any]:
    if way == "mode":
        return {"mode": plan.mode}
    return {"options": dict(plan.options)} if way == "options" else {}


def _call(torch: Any, module: Callable[..., Any], example: Sequence[Any]) -> None:
    """Twice: CUDA graphs are captured by the second call. Errors of the device come late: it is waited for."""
    for _ in range(2):
        module(*example)
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _ways(variant: Variant, given: Any) -> tuple[Way, ...]:
    if isinstance(given, bool):
        return WAYS if given else ()
    if not isinstance(given, list) or not all(way in WAYS for way in given):
        raise EngineError(f"{label(variant)}: option compile is {given!r}; give a list of {', '.join(WAYS)}")
    return tuple(given)


def _switch(variant: Variant, name: str) -> bool | None:
    value = variant.options.get(name)
    if value is not None and not isinstance(value, bool):
        raise EngineError(f"{label(variant)}: option {name} is {value!r}; give true or false")
    return value


def _told(way: Way, plan: Plan) -> str:
    return {"mode": f"mode {plan.mode}", "options": f"options {dict(plan.options)}", "plain": "plain"}[way]


def _short(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}".strip()[:500]


def _torch() -> Any:
    """Only with an engine that needs it."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise EngineError(f"torch is needed ({error}); install it with: pip install torch") from error
