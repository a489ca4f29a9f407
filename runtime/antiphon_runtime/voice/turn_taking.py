"""The user's side of a session: when a turn begins and ends, what was said, and whether the agent yields."""

from __future__ import annotations

import asyncio
from typing import Literal

from antiphon_runtime.engines.protocols import Transcript
from antiphon_runtime.realtime.actions import AudioCommitted, AudioGiven, Reply, StopResponse
from antiphon_runtime.realtime.client_session import SemanticVad, TurnDetection
from antiphon_runtime.turns import completeness
from antiphon_runtime.turns.backchannels import Floor
from antiphon_runtime.turns.endpointing import Event, PausePoint, Resumed, SpeechStarted, TurnEnded, TurnReopened
from antiphon_runtime.turns.timeline import Anchor, Timeline
from antiphon_runtime.voice.floor import FloorWatch
from antiphon_runtime.voice.hearing import Hearing
from antiphon_runtime.voice.hearing_out import HearingOut, Turn
from antiphon_runtime.voice.recognising import Recognition
from antiphon_runtime.voice.room import Room, last_said
from antiphon_runtime.voice.speakers import SpeakerWatch
from antiphon_runtime.voice.speculation import Speculation


class TurnTaking:
    """`on_event` gets what the endpointer finds; times in ms are those of the session's audio."""

    def __init__(self, room: Room, recognition: Recognition | None, speakers: SpeakerWatch | None = None) -> None:
        self._room = room
        self._recognition = recognition
        self._hearing_out = HearingOut(room, recognition, speakers)
        self._turn: Turn | None = None
        """The one that was ended last."""
        self._timeline = Timeline()
        """Of the turn that goes on."""
        self._start_ms = 0.0
        self._speculation: Speculation | None = None
        self._watch: FloorWatch | None = None
        """While it is open whether the user takes the floor."""
        self._onset_ms = 0.0

    @property
    def hearing(self) -> Hearing | None:
        """None: the pod can't detect speech; the client says when a turn ends."""
        return self._hearing_out.hearing

    @hearing.setter
    def hearing(self, hearing: Hearing | None) -> None:
        self._hearing_out.hearing = hearing

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
        now = asyncio.get_running_loop().time()
        self._timeline.mark(Anchor.USER_STOPPED, now)
        if self._room.answers.cast.llm is None:
            self._timeline.mark(Anchor.DECIDED, now)  # an answer waits for the client to ask; a result waits for nobody
        self._turn = Turn(self._timeline)
        self._hearing_out.turn(committed, self._turn, None, respond=False)

    def hear_clip(self, given: AudioGiven) -> None:
        self._hearing_out.clip(given)

    async def all_heard(self) -> None:
        """Returns when the words of all that was said are known."""
        await self._hearing_out.all_heard()

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
        samples = self._room.protocol.turns.buffer.view(int(self._start_ms))
        work = self._hearing_out.transcribe(samples, self._start_ms, final=False)
        transcript = self._room.tasks.start(work, "speculative asr")
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
        if not wanted or not heard.text.strip() or room.answers.is_working or self._hearing_out.is_waiting:
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
        self._turn = turn = Turn(self._timeline)
        for action in reply.actions:
            if isinstance(action, AudioCommitted):
                self._hearing_out.turn(action, turn, speculation, respond=respond)
