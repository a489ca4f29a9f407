"""The user's side of a session: when a turn begins and ends, what was said, and whether the agent yields."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from antiphon_runtime.engines.protocols import HEARD_RATE, Samples, Transcript
from antiphon_runtime.realtime.actions import AudioCommitted, AudioGiven, Reply, StopResponse
from antiphon_runtime.realtime.client_session import SemanticVad, TurnDetection
from antiphon_runtime.turns import completeness
from antiphon_runtime.turns.backchannels import Floor
from antiphon_runtime.turns.endpointing import Event, PausePoint, Resumed, SpeechStarted, TurnEnded, TurnReopened
from antiphon_runtime.turns.timeline import Anchor, Timeline
from antiphon_runtime.turns.voiced import without_silence
from antiphon_runtime.voice.failures import code_and_message
from antiphon_runtime.voice.floor import FloorWatch
from antiphon_runtime.voice.hearing import Hearing
from antiphon_runtime.voice.recognising import Recognition
from antiphon_runtime.voice.room import Room, last_said
from antiphon_runtime.voice.speakers import SpeakerWatch
from antiphon_runtime.voice.speculation import Speculation


@dataclass(slots=True, eq=False)
class _Turn:
    timeline: Timeline
    superseded: bool = False
    """The user went on: it is heard, and not answered."""


class TurnTaking:
    """`on_event` gets what the endpointer finds; times in ms are those of the session's audio."""

    def __init__(self, room: Room, recognition: Recognition | None, speakers: SpeakerWatch | None = None) -> None:
        self.hearing: Hearing | None = None
        """None: the pod can't detect speech; the client says when a turn ends."""
        self._room = room
        self._recognition = recognition
        self._speakers = speakers
        self._turn: _Turn | None = None
        """The one that was ended last."""
        self._timeline = Timeline()
        """Of the turn that goes on."""
        self._start_ms = 0.0
        self._speculation: Speculation | None = None
        self._watch: FloorWatch | None = None
        """While it is open whether the user takes the floor."""
        self._onset_ms = 0.0
        self._unheard: set[asyncio.Task[None]] = set()
        """Turns whose words are not known yet."""

    @property
    def detection(self) -> TurnDetection | None:
        return self._room.protocol.settings.audio.input.turn_detection

    def on_event(self, event: Event) -> None:
        if self.detection is None:
            return
        match event:
            case SpeechStarted():
                self._begin(event.onset_ms, event.audio_start_ms)
            case TurnReopened():
                self._reopen(event)
            case PausePoint():
                self._speculate(event)
            case Resumed():
                self._drop_speculation()
            case TurnEnded():
                self._end(event)

    def clear(self) -> None:
        """What was heard and not committed is gone."""
        if self.hearing is not None:
            self.hearing.endpointer.clear()
        self._release_floor()
        self._room.protocol.turns.keep(None)
        self._drop_speculation()

    def commit(self, committed: AudioCommitted) -> None:
        """The client ended the turn itself."""
        self.clear()
        self._timeline = Timeline()
        self._timeline.mark(Anchor.USER_STOPPED, asyncio.get_running_loop().time())
        self._turn = _Turn(self._timeline)
        self._hear_out(self._finish(committed, self._turn, None, respond=False))

    def hear_clip(self, given: AudioGiven) -> None:
        self._hear_out(self._recognise_clip(given))

    async def all_heard(self) -> None:
        """Returns when the words of all that was said are known."""
        if waiting := [task for task in self._unheard if task is not asyncio.current_task()]:
            await asyncio.wait(waiting)

    def take_timeline(self) -> Timeline:
        """Of the turn that was ended last, for the answer that a client asks for; each is given once."""
        turn, self._turn = self._turn, None
        return turn.timeline if turn else Timeline()

    # --- beginning -------------------------------------------------------------------------------------------------

    def _begin(self, onset_ms: float, start_ms: float) -> None:
        self._timeline = Timeline()
        self._start_ms, self._onset_ms = start_ms, onset_ms
        by_words = isinstance(self.detection, SemanticVad) and self._room.answers.is_heard
        if by_words and self._recognition is not None and self.hearing is not None:
            self._watch = FloorWatch(self._room, self.hearing, self._recognition, start_ms, onset_ms, self._yield_floor)
            self._room.protocol.turns.keep(int(start_ms))
            self._watch.begin()
        else:
            self._take_floor("barge_in")

    def _take_floor(self, kind: Literal["barge_in", "reopened"]) -> None:
        room = self._room
        reply = room.protocol.speech_started(int(self._onset_ms))
        room.protocol.turns.keep(None)
        stopped = any(isinstance(action, StopResponse) for action in reply.actions)
        was_heard = room.answers.is_heard
        if kind == "barge_in" and was_heard:
            room.answers.mark_barge_in(self._at(self._onset_ms))
        room.take(reply)
        if self.detection is not None and self.detection.interrupt_response:
            room.answers.hush()
        if stopped or was_heard:
            room.listener.interrupted(kind)

    def _reopen(self, event: TurnReopened) -> None:
        """The user goes on with a turn that is being answered, and nothing of the answer has been heard."""
        self._timeline = Timeline()
        self._start_ms, self._onset_ms = event.onset_ms, event.onset_ms
        if self._turn is not None:
            self._turn.superseded = True
        self._room.answers.supersede()
        self._take_floor("reopened")

    # --- yielding --------------------------------------------------------------------------------------------------

    def _release_floor(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def _yield_floor(self) -> None:
        self._watch = None
        self._take_floor("barge_in")

    async def _end_watched(self, watch: FloorWatch, ended: TurnEnded) -> None:
        """The turn was over before it was known whether it takes the floor."""
        if await watch.judge() is Floor.KEEP:
            self._room.protocol.turns.keep(None)
            self._room.listener.interrupted("backchannel")
            return
        self._take_floor("barge_in")
        self._commit(ended, None)

    # --- before the end --------------------------------------------------------------------------------------------

    def _speculate(self, point: PausePoint) -> None:
        if self._recognition is None or self._watch is not None:
            return
        if not (self._room.features.speculative_asr or isinstance(self.detection, SemanticVad)):
            return
        self._drop_speculation()
        samples = self._speech(self._room.protocol.turns.buffer.view(int(self._start_ms)), self._start_ms)
        transcript = self._room.tasks.start(self._transcribe(samples, final=False), "speculative asr")
        self._speculation = Speculation(point.pause, transcript)
        self._room.tasks.start(self._think_ahead(self._speculation), "think ahead")

    async def _think_ahead(self, speculation: Speculation) -> None:
        await asyncio.wait({speculation.transcript})
        if speculation.transcript.cancelled() or speculation.transcript.exception() is not None:
            return
        heard = speculation.transcript.result()
        if not speculation.is_over:
            self._begin_answer(speculation, heard)
        reading = completeness.read(heard.text, language=heard.language, asked=last_said(self._room.protocol))
        for event in self.hearing.endpointer.read(speculation.pause, reading.completeness) if self.hearing else ():
            self.on_event(event)

    def _begin_answer(self, speculation: Speculation, heard: Transcript) -> None:
        room = self._room
        wanted = self.detection is not None and self.detection.create_response and room.features.speculative_llm
        if not wanted or not heard.text.strip() or room.answers.is_working or self._unheard:
            return
        if room.protocol.settings.type != "realtime":
            return
        plan = room.protocol.next_plan()
        chat = room.answers.chat(plan, plan.messages(room.protocol.conversation, heard.text.strip()))
        speculation.draft = room.answers.draft(chat, plan, committed=False)

    def _drop_speculation(self) -> None:
        speculation, self._speculation = self._speculation, None
        if speculation is not None:
            self._room.tasks.start(speculation.drop(self._room.listener), "drop speculation")

    def _at(self, audio_ms: float) -> float:
        return self.hearing.at(audio_ms) if self.hearing is not None else asyncio.get_running_loop().time()

    # --- ending ----------------------------------------------------------------------------------------------------

    def _end(self, ended: TurnEnded) -> None:
        loop = asyncio.get_running_loop()
        self._timeline.mark(Anchor.USER_STOPPED, self._at(ended.spoken_until_ms))
        self._timeline.mark(Anchor.DECIDED, loop.time())
        if (watch := self._watch) is not None:
            self._release_floor()
            self._room.tasks.start(self._end_watched(watch, ended), "floor at the end")
            return
        speculation, self._speculation = self._speculation, None
        if speculation is not None and speculation.pause != ended.pause:
            self._room.tasks.start(speculation.drop(self._room.listener), "drop speculation")
            speculation = None
        self._commit(ended, speculation)

    def _commit(self, ended: TurnEnded, speculation: Speculation | None) -> None:
        room = self._room
        room.take(Reply(room.protocol.turns.speech_stopped(int(ended.audio_end_ms))))
        reply = room.protocol.turns.commit_turn()
        room.take(Reply(reply.events))
        detection = self.detection
        respond = detection is not None and detection.create_response
        self._turn = turn = _Turn(self._timeline)
        for action in reply.actions:
            if isinstance(action, AudioCommitted):
                self._hear_out(self._finish(action, turn, speculation, respond=respond))

    def _hear_out(self, work: Coroutine[Any, Any, None]) -> None:
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
        self, committed: AudioCommitted, turn: _Turn, speculation: Speculation | None, *, respond: bool
    ) -> None:
        try:
            heard = await self._final(committed, speculation)
            if heard is None:
                return
            text = heard.text.strip()
            turn.timeline.mark(Anchor.FINAL_TRANSCRIPT, asyncio.get_running_loop().time())
            self._tell_text(committed.item_id, text)
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

    async def _tell_speakers(self, committed: AudioCommitted, heard: Transcript) -> None:
        assert self._speakers is not None  # noqa: S101 (asked before)
        for said in await self._speakers.segments(heard, committed.start_ms, committed.end_ms):
            events = self._room.protocol.turns.transcript_segment(
                committed.item_id,
                speaker=said.speaker,
                text=said.text,
                start_seconds=said.start_seconds,
                end_seconds=said.end_seconds,
            )
            self._room.take(Reply(events))

    async def _final(self, committed: AudioCommitted, speculation: Speculation | None) -> Transcript | None:
        """None: it could not be recognised, and the client has been told."""
        turns = self._room.protocol.turns
        if self._recognition is None:
            told = turns.transcript_failed(committed.item_id, "no_asr", "this agent has no speech recognition")
            self._room.take(Reply(told))
            return None
        try:
            return await self._transcript(committed, speculation)
        except Exception as error:
            self._room.take(Reply(turns.transcript_failed(committed.item_id, *code_and_message(error))))
            return None

    async def _transcript(self, committed: AudioCommitted, speculation: Speculation | None) -> Transcript:
        assert self._recognition is not None  # noqa: S101 (asked before)
        if speculation is not None:
            with suppress(Exception):  # then it is heard anew
                return await speculation.take(self._room.listener)
        return await self._transcribe(self._speech(committed.samples, committed.start_ms), final=True)

    @property
    def _tells_speakers(self) -> bool:
        return self._speakers is not None and bool(self._room.features.diarization)

    async def _transcribe(self, samples: Samples, *, final: bool) -> Transcript:
        assert self._recognition is not None  # noqa: S101 (asked before)
        return await self._recognition.transcribe(samples, final=final, words=self._tells_speakers)

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

    async def _respond(self, turn: _Turn, speculation: Speculation | None) -> None:
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
        try:
            if self._recognition is None:
                raise LookupError
            heard = await self._recognition.transcribe(given.samples, final=True)
        except LookupError:
            told = turns.transcript_failed(
                given.item_id, "no_asr", "this agent has no speech recognition", given.content_index
            )
            self._room.take(Reply(told))
        except Exception as error:
            told = turns.transcript_failed(given.item_id, *code_and_message(error), given.content_index)
            self._room.take(Reply(told))
        else:
            self._tell_text(given.item_id, heard.text.strip(), given.content_index)
