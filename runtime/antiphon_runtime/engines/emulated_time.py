"""How long an emulated engine takes: a line over the batch, with noise, by the profile of a VoiceModel."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from antiphon_crds.voicemodel import Profile


class Clock(Protocol):
    """What time passes by."""

    def block(self, seconds: float) -> None:
        """For calls made off the event loop."""
        ...

    async def wait(self, seconds: float) -> None:
        """For what runs on the event loop."""
        ...


_SHORTEST_SLEEP_SECONDS = 5e-5
"""What the kernel adds to any sleep: a shorter one would take longer than none."""


class RealClock:
    def block(self, seconds: float) -> None:
        if seconds >= _SHORTEST_SLEEP_SECONDS:
            time.sleep(seconds)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Timing:
    """Times of batches and of later steps in seconds, with noise that is never negative and keeps the mean."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._profile = profile
        self._random = random.Random(seed)  # noqa: S311 (no secret)
        self._spread = math.sqrt(math.log1p(profile.noise**2))

    def batch_seconds(self, items: int) -> float:
        """A batch of so many; of more than the largest that was measured, the time of several batches."""
        most = self._profile.max_batch
        full, rest = divmod(items, most)
        sizes = [most] * full + ([rest] if rest else [])
        return sum(self._noisy(self._profile.alpha_ms + self._profile.beta_ms * size) for size in sizes)

    def step_seconds(self, items: int) -> float:
        """A later step of an autoregressive model: 0 where the profile has none."""
        if self._profile.decode_alpha_ms is None or self._profile.decode_beta_ms is None:
            return 0.0
        return self._noisy(self._profile.decode_alpha_ms + self._profile.decode_beta_ms * items)

    def _noisy(self, mean_ms: float) -> float:
        factor = self._random.lognormvariate(-(self._spread**2) / 2, self._spread) if self._spread else 1.0
        return mean_ms * factor / 1000


class Together:
    """Streams that are made together, at most so many; each step takes the time of a batch of all of them."""

    def __init__(self, timing: Timing, clock: Clock, most: int) -> None:
        self._timing = timing
        self._clock = clock
        self._places = asyncio.Semaphore(most)
        self.active = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        async with self._places:
            self.active += 1
            try:
                yield
            finally:
                self.active -= 1

    async def start(self) -> None:
        await self._clock.wait(self._timing.batch_seconds(self.active))

    async def step(self) -> None:
        if seconds := self._timing.step_seconds(self.active):
            await self._clock.wait(seconds)
