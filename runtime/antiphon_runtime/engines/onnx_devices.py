"""Where onnxruntime computes: on CUDA when it is wanted and there, else on the CPU."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import imported, label

_log = logging.getLogger(__name__)
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def session(variant: Variant, model: Path, *, threads: int) -> Any:
    """On CUDA when the variant takes GPU memory and onnxruntime can; a warning tells when only the CPU is there."""
    onnxruntime = imported("onnxruntime", variant, package="onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    wants_cuda = variant.memory.gpu is not None
    if wants_cuda and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # CUDA and cuDNN from the nvidia wheels, where they are installed
    providers = providers_for(variant, onnxruntime.get_available_providers())
    found = onnxruntime.InferenceSession(str(model), options, providers=providers)
    if wants_cuda and not is_on_cuda(found):
        _log.warning(
            "%s takes GPU memory, and onnxruntime has no CUDA here: it runs on the CPU; install onnxruntime-gpu",
            label(variant),
        )
    return found


def is_on_cuda(found: Any) -> bool:
    return bool(found.get_providers()[0] == _CUDA)


def providers_for(variant: Variant, available: list[str]) -> list[Any]:
    """In order of preference, with their options. Lengths vary: an exhaustive search would search for each anew."""
    if variant.memory.gpu is None or _CUDA not in available:
        return [_CPU]
    uses_tf32 = variant.options.get("tf32", variant.precision == "tf32") is True
    options = {
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "use_tf32": "1" if uses_tf32 else "0",
    }
    return [(_CUDA, options), _CPU]
