"""The agent's side of a session: the responses that are being worked on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from antiphon_runtime.engines.protocols import Chat
from antiphon_runtime.realtime.chat import chat_tool_choice, chat_tools
from antiphon_runtime.realtime.response_plan import ResponsePlan
from antiphon_runtime.realtime.response_writer import ResponseWriter
from antiphon_runtime.realtime.session_settings import voice_for_model
from antiphon_runtime.stages.cast import Cast
from antiphon_runtime.turns.timeline import Anchor, Timeline
from antiphon_runtime.voice.context import fitted
from antiphon_runtime.voice.defaults import AgentOptions
from antiphon_runtime.voice.delivery import Delivery, Tell
from antiphon_runtime.voice.draft import Draft, SpokenBy
from antiphon_runtime.voice.failures import CODES
from antiphon_runtime.voice.listener import Listener, TurnResult
from antiphon_runtime.voice.phrases import Manner, Phrases


@dataclass(slots=True, eq=False)
class _Answer:
    writer: ResponseWriter
    delivery: Delivery
    timeline: Timeline
    task: asyncio.Task[None] | None = None
    superseded: bool = False


@dataclass(slots=True, eq=False)
class Answers:
    """All of one session. `on_audible` is called when the first sound of an answer was sent."""

    cast: Cast
    options: AgentOptions
    phrases: Phrases
    session_id: str
    tell: Tell
    listener: Listener
    on_audible: Callable[[], None] = lambda: None
    on_idle: Callable[[], None] = lambda: None
    """Called when an answer in the conversation is over, whatever became of it."""
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)
    _working: dict[str, _Answer] = field(default_factory=dict)
    _last: Delivery | None = None

    @property
    def is_heard(self) -> bool:
        """The user hears the agent now, or will in a moment."""
        return self._last is not None and self._last.seconds_ahead > 0

    @property
    def is_working(self) -> bool:
        return bool(self._working)

    @property
    def plays_until(self) -> float | None:
        """Loop's time at which the client has played all it has."""
        return self._last.playback.ends_at_seconds() if self._last is not None else None

    # --- asking ----------------------------------------------------------------------------------------------------

    def chat(self, plan: ResponsePlan, messages: list[dict[str, object]]) -> Chat:
        llm = self.options.llm
        most = plan.max_output_tokens
        return Chat(
            fitted(messages, llm.max_context_tokens),
            max_tokens=llm.max_new_tokens if most is None else min(most, llm.max_new_tokens),
            temperature=llm.temperature,
            tools=chat_tools(plan.tools),
            tool_choice=chat_tool_choice(plan.tool_choice),
            session=self.session_id,
        )

    def draft(self, chat: Chat, plan: ResponsePlan, *, committed: bool) -> Draft | None:
        """None: the pod has no language model."""
        if self.cast.llm is None:
            return None
        return Draft(chat, self.cast.llm, self._spoken_by(plan), committed=committed)

    def start(
        self, writer: ResponseWriter, draft: Draft | None, timeline: Timeline, ready: Callable[[], Awaitable[None]]
    ) -> None:
        """`draft`: one that was begun for this very answer. `ready`: returns when all that was said is in the context."""
        tts = self.options.tts
        delivery = Delivery(writer, timeline, self.tell, chunk_ms=tts.chunk_ms, first_chunk_ms=tts.first_chunk_ms)
        delivery.on_audible = self.on_audible
        answer = _Answer(writer, delivery, timeline)
        self._working[writer.id] = answer
        if writer.plan.in_conversation:
            self._last = delivery
        answer.task = asyncio.create_task(self._run(answer, draft, ready), name="answer")

    def stop(self, response_id: str) -> None:
        """The client has been told already; its work is given up."""
        if (answer := self._working.get(response_id)) is not None and answer.task is not None:
            now = asyncio.get_running_loop().time()
            answer.delivery.playback.stop(now)
            if Anchor.BARGE_IN in answer.timeline:
                answer.timeline.mark(Anchor.LAST_SENT, now)
            answer.task.cancel()

    def mark_barge_in(self, at_seconds: float) -> None:
        """The user began to speak over what is being said."""
        for answer in self._working.values():
            if answer.writer.plan.in_conversation:
                answer.timeline.mark(Anchor.BARGE_IN, at_seconds)

    def supersede(self) -> None:
        """The user goes on with the turn that is being answered."""
        for answer in self._working.values():
            answer.superseded = answer.writer.plan.in_conversation

    async def wait_idle(self) -> None:
        """Until an answer in the conversation is over."""
        over = asyncio.get_running_loop().create_future()
        self._waiting.append(over)
        await over

    def hush(self) -> None:
        """The user speaks: the client plays nothing more of what it has."""
        if self._last is not None:
            self._last.playback.stop(asyncio.get_running_loop().time())

    async def close(self) -> None:
        for answer in tuple(self._working.values()):
            if answer.task is not None:
                answer.task.cancel()
                with suppress(asyncio.CancelledError):
                    await answer.task

    # --- inside ----------------------------------------------------------------------------------------------------

    def _spoken_by(self, plan: ResponsePlan) -> SpokenBy | None:
        tts = self.cast.tts
        if plan.modality == "text" or tts is None:
            return None
        known = tts.current.engine.voices if tts.current else ()
        voice = voice_for_model(plan.voice, known) or voice_for_model(self.options.tts.voice or "", known)
        manner = Manner(voice, plan.speed * self.options.tts.speed)
        return SpokenBy(tts, self.phrases, manner, self.options.tts.trim_leading_silence)

    async def _run(self, answer: _Answer, draft: Draft | None, ready: Callable[[], Awaitable[None]]) -> None:
        writer = answer.writer
        try:
            if draft is None:
                await ready()
                draft = self.draft(self.chat(writer.plan, writer.messages()), writer.plan, committed=True)
            if draft is None:
                self.tell(writer.finish("failed", error=("no_llm", CODES["no_llm"])))
                return
            draft.commit()
            await answer.delivery.deliver(draft)
        finally:
            del self._working[writer.id]
            if draft is not None:
                await draft.discard()
                _take_times(answer.timeline, draft)
            self._report(answer)

    def _report(self, answer: _Answer) -> None:
        self.listener.turn(answer.timeline, _result(answer))
        if answer.delivery.playback.sent_ms:
            self.listener.spoke(answer.delivery.playback.underruns)
        if answer.writer.plan.in_conversation:
            self._wake()
            self.on_idle()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


def _take_times(timeline: Timeline, draft: Draft) -> None:
    for anchor, at_seconds in draft.times.items():
        timeline.mark(anchor, at_seconds)
    if timeline.leading_silence_seconds is None:
        timeline.leading_silence_seconds = draft.leading_silence_seconds


def _result(answer: _Answer) -> TurnResult:
    if answer.superseded:
        return "superseded"
    status = answer.writer.status
    return "failed" if status == "failed" else "completed" if status in ("completed", "incomplete") else "interrupted"
