"""What of ours went wrong, as clients are told."""

from __future__ import annotations

import logging

from antiphon_runtime.batching.errors import BatchingError, HungError, OverloadedError
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.stages.served import StageUnavailableError

_log = logging.getLogger(__name__)


def code_and_message(error: Exception) -> tuple[str, str]:
    """Codes are `overloaded`, `timeout`, `engine_error` and `internal_error`; the last is logged with its trace."""
    if isinstance(error, OverloadedError):
        return "overloaded", f"{error}; try again in {max(error.retry_after_seconds, 0.1):.1f} s"
    if isinstance(error, HungError):
        return "timeout", str(error)
    if isinstance(error, BatchingError | EngineError | StageUnavailableError):
        return "engine_error", str(error)
    _log.error("unexpected: %s", error, exc_info=error)
    return "internal_error", "something went wrong that should not; this is our fault"
