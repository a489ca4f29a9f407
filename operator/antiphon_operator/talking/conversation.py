"""A conversation: turns over one wire, each asked, heard and answered."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from antiphon_operator.talking.errors import LostError
from antiphon_operator.talking.microphone import Microphone
from antiphon_operator.talking.player import Player
from antiphon_operator.talking.recordings import Sound
from antiphon_operator.talking.turn import Note, Turn
from antiphon_operator.talking.wire import Event, Wire

_SETTINGS = {
    "type": "session.update",
    "session": {"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}},
}
"""All else as the agent has it: server turn detection, 24 kHz. Without this it tells no transcripts."""
_LOOKS_EVERY_SECONDS = 0.1
_SET_UP_SECONDS = 5.0
_NOTICED_SECONDS = 5.0


@dataclass(frozen=True)
class Asked:
    """What the user says in a turn: a sound, or a text that is sent as it is."""

    name: str
    sound: Sound | None = None


class Conversation:
    """One turn at a time. `tell` gets what is to be shown while it happens."""

    def __init__(self, wire: Wire, player: Player, tell: Callable[[Note], None], timeout_seconds: float) -> None:
        self._wire = wire
        self._player = player
        self._tell = tell
        self._timeout_seconds = timeout_seconds
        self._microphone = Microphone(wire.send_text)
        self._loop = asyncio.get_running_loop()
        self._turn: Turn | None = None
        self._spoken_item = ""
        """Whose sound came last."""
        self._last_news = 0.0
        self._lost: asyncio.Future[LostError] = self._loop.create_future()
        self._news = asyncio.Event()
        self._is_set_up = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, wire: Wire, player: Player, tell: Callable[[Note], None], timeout_seconds: float
    ) -> AsyncIterator[Conversation]:
        conversation = cls(wire, player, tell, timeout_seconds)
        tasks = [asyncio.create_task(conversation._read()), asyncio.create_task(conversation._microphone.run())]
        try:
            await conversation._set_up()
            yield conversation
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await player.stop()
            await wire.close()

    async def take(self, asked: Asked) -> Turn:
        """One turn, until it is over. Raises LostError where the connection ends before."""
        turn = self._turn = Turn(asked.name, asked.sound is not None)
        self._last_news = self._loop.time()
        saying = asyncio.create_task(self._say(turn, asked))
        try:
            await self._until_over(turn)
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)
        return turn

    async def until_lost(self) -> LostError:
        """Returns when the connection has ended."""
        return await asyncio.shield(self._lost)

    async def hear_out(self) -> None:
        """Until the answer has been played, or would have been by one who listens."""
        await self._player.finish()

    async def interrupt(self) -> None:
        """The user takes the turn: the answer ends, and the agent is told how much of it was heard."""
        self._microphone.hush()
        now = self._loop.time()
        clock = await self._player.stop()
        if self._turn is not None and self._turn.outcome is None:
            await self._wire.send({"type": "response.cancel"})
            self._turn.end("interrupted", "the user went on")
        if self._spoken_item and clock.left_seconds(now):
            heard_ms = round(clock.played_seconds(now) * 1e3)
            truncated = {"item_id": self._spoken_item, "content_index": 0, "audio_end_ms": heard_ms}
            await self._wire.send({"type": "conversation.item.truncate", **truncated})

    async def _set_up(self) -> None:
        """The agent's answer comes before all else, so that what it says of the settings is not taken for a turn's failure."""
        await self._wire.send(_SETTINGS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SET_UP_SECONDS):
                await self._is_set_up.wait()

    async def _say(self, turn: Turn, asked: Asked) -> None:
        if asked.sound is not None:
            turn.ended_at = await self._microphone.say(asked.sound)
        else:
            content = [{"type": "input_text", "text": asked.name}]
            item = {"type": "message", "role": "user", "content": content}
            await self._wire.send({"type": "conversation.item.create", "item": item})
            turn.ended_at = self._loop.time()
            await self._wire.send({"type": "response.create"})
        self._last_news = self._loop.time()

    async def _until_over(self, turn: Turn) -> None:
        while not turn.settle(self._loop.time()):
            if self._lost.done():
                raise self._lost.result()
            patience = self._patience_seconds(turn)
            if turn.ended_at is not None and self._loop.time() > self._last_news + patience:
                self._give_up(turn, patience)
                return
            self._news.clear()
            try:
                async with asyncio.timeout(_LOOKS_EVERY_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _patience_seconds(self, turn: Turn) -> float:
        """Speech is noticed while it is spoken; only what follows takes its time."""
        is_unheard = turn.is_spoken and not turn.was_user_heard
        return min(self._timeout_seconds, _NOTICED_SECONDS) if is_unheard else self._timeout_seconds

    def _give_up(self, turn: Turn, waited_seconds: float) -> None:
        waited = f"within {waited_seconds:g} s"
        if turn.is_spoken and not turn.was_user_heard:
            turn.end("unheard", f"the agent heard no speech {waited}: is there any in it, long and loud enough?")
        else:
            turn.end("failed", f"no answer {waited}")

    async def _read(self) -> None:
        try:
            while True:
                await self._received(await self._wire.receive())
                self._news.set()
        except LostError as lost:
            self._lost.set_result(lost)
            self._is_set_up.set()
            self._news.set()

    async def _received(self, event: Event) -> None:
        self._last_news = now = self._loop.time()
        if event["type"] in ("session.updated", "error"):
            self._is_set_up.set()
        turn = self._turn
        if turn is None or turn.outcome is not None:
            if event["type"] == "error":
                self._tell(Note("problem", str((event.get("error") or {}).get("message"))))
            return
        before = len(turn.audio)
        for note in turn.hear(event, now):
            self._tell(note)
        if event["type"] == "input_audio_buffer.speech_started":
            await self._player.stop()
        elif event["type"] == "response.output_audio.delta" and len(turn.audio) > before:
            self._spoken_item = str(event.get("item_id"))
            await self._player.play(base64.b64decode(event["delta"]))
