"""Speech of clauses: from the cache of phrases where it is, else from the voice, and then kept."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from antiphon_runtime.engines.protocols import Samples, Speech
from antiphon_runtime.stages.working import Speaking
from antiphon_runtime.turns.phrase_cache import PhraseCache, phrase

_log = logging.getLogger(__name__)
_MOST_BYTES = 64 * 2**20
_LONGEST_CHARACTERS = 120
"""Longer clauses are hardly said twice."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How something is said."""

    voice: str = ""
    """As the model names it; empty: its own."""
    speed: float = 1.0


class Phrases:
    """Of one pod: all sessions share what was said once."""

    def __init__(self, entries: int, tell_hit: Callable[[bool], None] = lambda _: None) -> None:
        self._cache: PhraseCache[Samples] = PhraseCache(most_entries=entries, most_bytes=_MOST_BYTES)
        self._tell_hit = tell_hit

    async def speak(
        self, speaking: Speaking, text: str, manner: Manner, *, final: bool = True
    ) -> AsyncGenerator[Samples, None]:
        """The clause's audio at the voice's rate, its leading silence included."""
        key = phrase(
            voice=manner.voice,
            variant=speaking.label,
            speed=manner.speed,
            text=text,
            format=str(speaking.engine.sample_rate),
        )
        cacheable = len(text) <= _LONGEST_CHARACTERS
        if cacheable and (kept := self._cache.get(key)) is not None:
            self._tell_hit(True)
            yield kept
            return
        self._tell_hit(False)
        made: list[Samples] = []
        async with aclosing(speaking.speak(Speech(text, manner.voice, manner.speed), final=final)) as sounds:
            async for sound in sounds:
                made.append(sound.samples)
                yield sound.samples
        if cacheable and made:
            whole = np.concatenate(made)
            self._cache.put(key, whole, whole.nbytes)

    async def warm(self, speaking: Speaking, texts: list[str], manner: Manner) -> None:
        """Makes the phrases that are surely needed."""
        for text in texts:
            async for _ in self.speak(speaking, text, manner):
                pass
        if texts:
            _log.info("tts: %d phrases are in the cache", len(texts))

    def forget_variant(self, label: str) -> None:
        self._cache.forget_variant(label)
