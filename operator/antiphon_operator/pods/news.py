"""Tells of which agents something is new: at once, or of session counts only now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from antiphon_operator.pods.known import AgentKey
from antiphon_operator.pods.reports import PodReport, load, news

_log = logging.getLogger(__name__)


class Announcer:
    """Made on the event loop. News take along what has waited; nothing is lost, what is last is told."""

    def __init__(self, tell: Callable[[AgentKey], None], load_every_seconds: float) -> None:
        self._tell = tell
        self._load_every_seconds = load_every_seconds
        self._loop = asyncio.get_running_loop()
        self._resting: dict[AgentKey, asyncio.TimerHandle] = {}
        """Agents that were told of less than so many seconds ago."""
        self._waiting: set[AgentKey] = set()
        """Those of them whose load has changed since."""

    def compare(self, agent: AgentKey, before: PodReport, after: PodReport) -> None:
        if news(before) != news(after):
            self._announce(agent)
        elif load(before) != load(after):
            if agent in self._resting:
                self._waiting.add(agent)
            else:
                self._announce(agent)

    def close(self) -> None:
        for timer in self._resting.values():
            timer.cancel()
        self._resting.clear()
        self._waiting.clear()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _announce(self, agent: AgentKey) -> None:
        self._waiting.discard(agent)
        if resting := self._resting.get(agent):
            resting.cancel()
        self._resting[agent] = self._loop.call_later(self._load_every_seconds, self._rested, agent)
        try:
            self._tell(agent)
        except Exception:
            _log.exception("%s: a change of its pods was not taken", agent)

    def _rested(self, agent: AgentKey) -> None:
        del self._resting[agent]
        if agent in self._waiting:
            self._announce(agent)
