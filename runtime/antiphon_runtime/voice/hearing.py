"""Listens to a session's audio: frame by frame through the detection of speech, to the events of its turns."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from antiphon_runtime.batching.errors import BatchingError, ClosedError
from antiphon_runtime.engines.protocols import HEARD_RATE, VAD_SAMPLES, Samples, VadStream
from antiphon_runtime.stages.served import Served
from antiphon_runtime.stages.working import Detecting
from antiphon_runtime.turns.endpointing import Endpointer, EndpointingSettings, Event
from antiphon_runtime.turns.voiced import VoicedSpans

_log = logging.getLogger(__name__)
FRAME_MS = VAD_SAMPLES * 1000 / HEARD_RATE
OnEvent: TypeAlias = Callable[[Event], None]
_FAILURES_TOLD_EVERY_SECONDS = 5.0
_MOST_FRAMES = 16
"""Judged together; half a second of one session must not keep all others waiting for long."""


class Hearing:
    """Frames are judged one after another; their order in time is kept however late an answer comes.

    Where the engine fails, the frame counts as silence, so that a turn ends and the session lives on.
    """

    def __init__(
        self,
        vad: Served[Detecting],
        settings: EndpointingSettings,
        *,
        session_id: str,
        on_event: OnEvent,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.endpointer = Endpointer(settings)
        self.voiced = VoicedSpans()
        self.on_judged: Callable[[float, bool], None] = lambda *_: None
        """Told the end of each frame that was judged, in ms of the session's audio, and whether somebody spoke in it."""
        self._vad = vad
        self._session_id = session_id
        self._on_event = on_event
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._rest: Samples = np.zeros(0, np.float32)
        self._frames: deque[tuple[Samples, float]] = deque()
        self._pending: asyncio.Future[list[float]] | None = None
        self._asked: list[tuple[Samples, float]] = []
        """Frames that are being judged, and when each was heard."""
        self._arrived = 0.0
        self._detecting: Detecting | None = None
        self._stream: VadStream | None = None
        self._is_closed = False
        self._last_failure = -_FAILURES_TOLD_EVERY_SECONDS

    @property
    def waiting_frames(self) -> int:
        return len(self._frames) + (self._pending is not None)

    def hear(self, samples: Samples) -> None:
        """The next audio."""
        arrived = self._loop.time()
        heard = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        end = len(heard) - len(heard) % VAD_SAMPLES
        for at in range(0, end, VAD_SAMPLES):
            self._frames.append((heard[at : at + VAD_SAMPLES], arrived))
        self._rest = heard[end:]
        if self._pending is None:
            self._next_frames()

    def at(self, audio_ms: float) -> float:
        """Loop's time at which that moment of the audio, not long ago, was heard."""
        return self._arrived - (self.endpointer.now_ms - audio_ms) / 1000

    def close(self) -> None:
        self._is_closed = True
        self._frames.clear()
        if self._pending is not None:
            self._pending.cancel()

    def _next_frames(self) -> None:
        """One in real time; where judging is behind, several go together and it catches up."""
        while self._frames and not self._is_closed:
            self._asked = [self._frames.popleft() for _ in range(min(len(self._frames), _MOST_FRAMES))]
            try:
                self._pending = self._submit([samples for samples, _ in self._asked])
            except BatchingError as error:
                self._fail(error)
                continue
            self._pending.add_done_callback(self._done)
            return

    def _submit(self, frames: list[Samples]) -> asyncio.Future[list[float]]:
        current = self._vad.current
        if self._detecting is None or (current is not None and current is not self._detecting and self._is_silent):
            self._open(current)
        assert self._detecting is not None  # noqa: S101 (opened above)
        try:
            return self._detecting.step(self._stream, frames, session=self._session_id)
        except ClosedError:
            self._open(current)
            return self._detecting.step(self._stream, frames, session=self._session_id)

    @property
    def _is_silent(self) -> bool:
        return not self.endpointer.is_speech

    def _open(self, current: Detecting | None) -> None:
        """The stream belongs to one engine; another begins anew."""
        if current is None:
            raise ClosedError("vad")
        self._detecting = current
        self._stream = current.open()

    def _done(self, future: asyncio.Future[list[float]]) -> None:
        self._pending = None
        if self._is_closed or future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._judged(future.result())
        else:
            self._fail(error)
        self._next_frames()

    def _judged(self, probabilities: Sequence[float]) -> None:
        for (_, arrived), probability in zip(self._asked, probabilities, strict=True):
            self._arrived = arrived
            self._judged_frame(probability)

    def _judged_frame(self, probability: float) -> None:
        start_ms = self.endpointer.now_ms
        events = self.endpointer.hear(probability)
        if self.endpointer.is_voiced:
            self.voiced.add(start_ms, self.endpointer.now_ms)
        for event in events:
            self._on_event(event)
        self.on_judged(self.endpointer.now_ms, self.endpointer.is_voiced)

    def _fail(self, error: BaseException) -> None:
        if self._loop.time() - self._last_failure >= _FAILURES_TOLD_EVERY_SECONDS and isinstance(error, Exception):
            self._last_failure = self._loop.time()
            self._on_failure(error)
        self._detecting = None
        self._judged([0.0] * len(self._asked))
