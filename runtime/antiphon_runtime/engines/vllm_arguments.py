"""From a variant to the arguments of `vllm serve`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from antiphon_crds.stages import Precision
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import label
from antiphon_runtime.engines.protocols import EngineError

DTYPES: dict[Precision, str] = {"fp32": "float32", "tf32": "float32", "fp16": "float16", "bf16": "bfloat16"}
"""All others are `auto`: their weights are quantised, and the model's own configuration says what the rest is in."""

VALUES: dict[str, type | tuple[type, ...]] = {
    "chatTemplate": str,
    "configFormat": str,
    "gpuMemoryUtilization": (float, int),
    "kvCacheDtype": str,
    "kvCacheMemoryBytes": int,
    "limitMmPerPrompt": dict,
    "loadFormat": str,
    "maxModelLen": int,
    "maxNumBatchedTokens": int,
    "maxNumSeqs": int,
    "quantization": str,
    "reasoningParser": str,
    "seed": int,
    "speculativeConfig": dict,
    "tokenizerMode": str,
    "toolCallParser": str,
}
"""Options with a value, each the flag of that name."""
SWITCHES = ("enableAutoToolChoice", "enablePrefixCaching", "enableSleepMode", "enforceEager", "trustRemoteCode")
"""Options that are on or off, each the flag of that name, or its opposite with `--no-`."""
OWN = frozenset(
    {"args", "cudaGraphs", "extra", "maxBatch", "maxTokensName", "program", "sampleRate", "sleepLevel", "startSeconds"}
    | {"timeoutSeconds", "vadFilter", "voice", "voices", "windowSeconds", "words"}
)
"""Options that are not for the program, or not in its words."""


def serve_arguments(variant: Variant, folder: Path, socket: Path, name: str) -> list[str]:
    """After the program's name. It listens on the Unix socket, and knows the model by the name.

    Option `args` comes last, so that it wins. Raises EngineError where an option is unknown or of the wrong kind.
    """
    options = dict(variant.options)
    _refuse_unknown(variant, options)
    if options.get("cudaGraphs") is False:
        options.setdefault("enforceEager", True)
    arguments = ["serve", str(folder), "--uds", str(socket), "--served-model-name", name]
    arguments += ["--dtype", DTYPES.get(variant.precision, "auto"), "--disable-uvicorn-access-log"]
    if variant.gpus > 1:
        arguments += ["--tensor-parallel-size", str(variant.gpus)]
    if variant.profiles:
        options.setdefault("maxNumSeqs", variant.profiles[0].max_batch)
    for option in sorted(VALUES.keys() & options.keys()):
        arguments += [flag(option), _value(variant, option, options[option])]
    arguments += [_switch(variant, option, options[option]) for option in SWITCHES if option in options]
    return arguments + _more(variant, options.get("args", []))


def flag(option: str) -> str:
    """`maxNumSeqs` is `--max-num-seqs`."""
    return "--" + "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in option)


def _refuse_unknown(variant: Variant, options: Mapping[str, Any]) -> None:
    known = VALUES.keys() | set(SWITCHES) | OWN
    if unknown := sorted(options.keys() - known):
        raise EngineError(
            f"{label(variant)} does not know option {', '.join(unknown)}; it knows {', '.join(sorted(known))};"
            " give any other flag of vllm in args"
        )


def _value(variant: Variant, option: str, value: Any) -> str:
    wanted = VALUES[option]
    if not isinstance(value, wanted) or isinstance(value, bool):
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        raise EngineError(f"{label(variant)}: option {option} is {value!r}; give it as {kinds[0].__name__}")
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _switch(variant: Variant, option: str, value: Any) -> str:
    if not isinstance(value, bool):
        raise EngineError(f"{label(variant)}: option {option} is {value!r}; give true or false")
    return flag(option) if value else f"--no-{flag(option)[2:]}"


def _more(variant: Variant, given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(argument, str | int | float) for argument in given):
        raise EngineError(f"{label(variant)}: option args is {given!r}; give a list of arguments")
    return [str(argument) for argument in given]
