"""From the audio of a turn that is over to its words, and on to the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from antiphon_runtime.diarizing.joining import SpokenSegment
from antiphon_runtime.engines.protocols import HEARD_RATE, Samples, Transcript
from antiphon_runtime.realtime.actions import AudioCommitted, AudioGiven, Reply
from antiphon_runtime.turns.timeline import Anchor, Timeline
from antiphon_runtime.turns.voiced import without_silence
from antiphon_runtime.voice.failures import CODES, code_and_message
from antiphon_runtime.voice.hearing import Hearing
from antiphon_runtime.voice.recognising import Recognition
from antiphon_runtime.voice.room import Room
from antiphon_runtime.voice.speakers import SpeakerWatch
from antiphon_runtime.voice.speculation import Speculation

_NO_ASR = ("no_asr", CODES["no_asr"])


@dataclass(slots=True, eq=False)
class Turn:
    timeline: Timeline
    superseded: bool = False
    """The user went on: it is heard, and not answered."""


class HearingOut:
    """Turns are heard out side by side; an answer waits until the words of all that was said are known."""

    def __init__(self, room: Room, recognition: Recognition | None, speakers: SpeakerWatch | None) -> None:
        self.hearing: Hearing | None = None
        self._room = room
        self._recognition = recognition
        self._speakers = speakers
        self._unheard: set[asyncio.Task[None]] = set()
        """Turns whose words are not known yet."""

    @property
    def is_waiting(self) -> bool:
        return bool(self._unheard)

    async def all_heard(self) -> None:
        """Returns when the words of all that was said are known."""
        if waiting := [task for task in self._unheard if task is not asyncio.current_task()]:
            await asyncio.wait(waiting)

    def turn(self, committed: AudioCommitted, turn: Turn, speculation: Speculation | None, *, respond: bool) -> None:
        """`speculation`: of the pause that the turn ended with."""
        self._start(self._finish(committed, turn, speculation, respond=respond))

    def clip(self, given: AudioGiven) -> None:
        self._start(self._recognise_clip(given))

    async def transcribe(self, samples: Samples, start_ms: float, *, final: bool) -> Transcript:
        """A stretch of the session's audio."""
        assert self._recognition is not None  # noqa: S101 (who has none does not ask)
        words = self._tells_speakers
        return await self._recognition.transcribe(self._speech(samples, start_ms), final=final, words=words)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._room.tasks.start(self._told(work), "turn")
        self._unheard.add(task)
        task.add_done_callback(self._unheard.discard)

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        """What nobody foresaw ends the turn, and not in silence."""
        try:
            await work
        except Exception as error:
            self._room.take(Reply(self._room.protocol.failed(*code_and_message(error))))

    async def _finish(
        self, committed: AudioCommitted, turn: Turn, speculation: Speculation | None, *, respond: bool
    ) -> None:
        try:
            heard = await self._final(committed, turn, speculation)
            if heard is None:
                if self._only_listens and self._recognition is not None:
                    self._room.listener.turn(turn.timeline, "failed")
                return
            text = heard.text.strip()
            turn.timeline.mark(Anchor.FINAL_TRANSCRIPT, asyncio.get_running_loop().time())
            self._tell_text(committed.item_id, text)
            if self._only_listens:
                await self._end_listening(committed, turn, heard)
                return
            if self._tells_speakers:
                self._room.tasks.start(self._tell_speakers(committed, heard), "speakers of a turn")
            if not text:
                self._room.listener.turn(turn.timeline, "empty")
            elif respond and not turn.superseded:
                self._unheard.discard(asyncio.current_task())
                await self._respond(turn, speculation)
        finally:
            if speculation is not None:
                await speculation.drop(self._room.listener)

    async def _end_listening(self, committed: AudioCommitted, turn: Turn, heard: Transcript) -> None:
        """Nobody answers: the turn is over when all that is known of it has been told."""
        clock, timeline = asyncio.get_running_loop().time, turn.timeline
        timeline.mark(Anchor.SPEAKERS_ASKED, clock())
        said = await self._who_said(committed, heard) if self._tells_speakers else []
        timeline.mark(Anchor.SPEAKERS_KNOWN, clock())
        self._tell_segments(committed.item_id, said)
        timeline.mark(Anchor.RESULT_SENT, clock())
        self._room.listener.turn(turn.timeline, "completed" if heard.text.strip() else "empty")

    async def _tell_speakers(self, committed: AudioCommitted, heard: Transcript) -> None:
        self._tell_segments(committed.item_id, await self._who_said(committed, heard))

    async def _who_said(self, committed: AudioCommitted, heard: Transcript) -> list[SpokenSegment]:
        assert self._speakers is not None  # noqa: S101 (asked before)
        return await self._speakers.segments(heard, committed.start_ms, committed.end_ms)

    def _tell_segments(self, item_id: str, segments: Sequence[SpokenSegment]) -> None:
        for said in segments:
            events = self._room.protocol.turns.transcript_segment(
                item_id,
                speaker=said.speaker,
                text=said.text,
                start_seconds=said.start_seconds,
                end_seconds=said.end_seconds,
            )
            self._room.take(Reply(events))

    async def _final(self, committed: AudioCommitted, turn: Turn, speculation: Speculation | None) -> Transcript | None:
        """None: it could not be recognised, and the client has been told."""
        turns = self._room.protocol.turns
        if self._recognition is None:
            self._room.take(Reply(turns.transcript_failed(committed.item_id, *_NO_ASR)))
            return None
        try:
            turn.timeline.mark(Anchor.HEARING_ASKED, asyncio.get_running_loop().time())
            return await self._transcript(committed, speculation)
        except Exception as error:
            self._room.take(Reply(turns.transcript_failed(committed.item_id, *code_and_message(error))))
            return None

    async def _transcript(self, committed: AudioCommitted, speculation: Speculation | None) -> Transcript:
        if speculation is not None:
            with suppress(Exception):  # then it is heard anew
                return await speculation.take(self._room.listener)
        return await self.transcribe(committed.samples, committed.start_ms, final=True)

    @property
    def _only_listens(self) -> bool:
        return self._room.answers.cast.llm is None

    @property
    def _tells_speakers(self) -> bool:
        return self._speakers is not None and bool(self._room.features.diarization)

    def _speech(self, samples: Samples, start_ms: float) -> Samples:
        """What is to be recognised of a stretch. Speakers are found by the times of words, so that no silence goes then."""
        if not self._room.features.vad_filter or self.hearing is None or self._tells_speakers:
            return samples
        end_ms = start_ms + len(samples) * 1000 / HEARD_RATE
        return without_silence(samples, start_ms, self.hearing.voiced.within(start_ms, end_ms))

    def _tell_text(self, item_id: str, text: str, content_index: int = 0) -> None:
        turns = self._room.protocol.turns
        told = turns.transcript_delta(item_id, text, content_index)
        self._room.take(Reply([*told, *turns.transcript_completed(item_id, text, content_index)]))

    async def _respond(self, turn: Turn, speculation: Speculation | None) -> None:
        """After the answer that is being given, where the user may not interrupt it."""
        room = self._room
        while room.protocol.responses.active is not None and not turn.superseded:
            await room.answers.wait_idle()
        if turn.superseded:
            return
        reply = room.protocol.respond()
        draft = None
        if speculation is not None and reply.actions:
            plan = room.protocol.next_plan()
            chat = room.answers.chat(plan, plan.messages(room.protocol.conversation))
            draft = speculation.take_draft(chat, room.listener)
        room.take(reply, draft, turn.timeline)

    async def _recognise_clip(self, given: AudioGiven) -> None:
        turns = self._room.protocol.turns
        if self._recognition is None:
            self._room.take(Reply(turns.transcript_failed(given.item_id, *_NO_ASR, given.content_index)))
            return
        try:
            heard = await self._recognition.transcribe(given.samples, final=True)
        except Exception as error:
            told = turns.transcript_failed(given.item_id, *code_and_message(error), given.content_index)
            self._room.take(Reply(told))
        else:
            self._tell_text(given.item_id, heard.text.strip(), given.content_index)
