"""What of ours went wrong, as clients are told."""

from __future__ import annotations

import logging

from antiphon_runtime.batching.errors import BatchingError, HungError, OverloadedError
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.stages.served import StageUnavailableError

_log = logging.getLogger(__name__)
CODES = {
    "overloaded": "too much waits for a stage already; the message says when to try again",
    "timeout": "a stage did not answer in time",
    "engine_error": "a stage failed; the message says which and why",
    "internal_error": "a fault that nobody foresaw; it is in the log",
    "no_asr": "the agent has no speech recognition",
    "no_llm": "the agent has no language model: it only listens",
    "session_expired": "the session was idle, or lasted, longer than the configuration allows",
    "session_drained": "the pod ends, and the session had not ended within the drain",
}
"""Of failed responses, failed transcriptions and `error` events."""


def code_and_message(error: Exception) -> tuple[str, str]:
    """One of the first four codes; an `internal_error` is logged with its trace."""
    if isinstance(error, OverloadedError):
        return "overloaded", f"{error}; try again in {max(error.retry_after_seconds, 0.1):.1f} s"
    if isinstance(error, HungError):
        return "timeout", str(error)
    if isinstance(error, BatchingError | EngineError | StageUnavailableError):
        return "engine_error", str(error)
    _log.error("unexpected: %s", error, exc_info=error)
    return "internal_error", "something went wrong that should not; this is our fault"
