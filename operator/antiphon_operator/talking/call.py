"""A call from the first word to hanging up: what is said comes from the command line, a pipe or a person."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from antiphon_operator.talking.agent_http import AgentHttp, NoVoiceError
from antiphon_operator.talking.conversation import Asked, Conversation
from antiphon_operator.talking.errors import LostError, TalkError, UnreadableError
from antiphon_operator.talking.player import Player
from antiphon_operator.talking.prompt import (
    HELP,
    Command,
    Lines,
    Quit,
    SaveAnswer,
    SayRecording,
    SayText,
    Unclear,
    command,
)
from antiphon_operator.talking.recordings import read_recording, write_recording
from antiphon_operator.talking.telling import Teller
from antiphon_operator.talking.turn import Turn
from antiphon_operator.talking.wire import Wire

_STOP_SECONDS = 0.5
"""For an interrupted turn to say what became of it."""


@dataclass(frozen=True)
class Manner:
    """How the user of this call behaves."""

    speak: bool | None = None
    """Typed text is said aloud, in the agent's own voice. None: where the agent hears and speaks."""
    save: Path | None = None
    turns: int | None = None
    """So many; what is to be said is said again from its beginning. None: each once."""
    timeout_seconds: float = 30.0
    """Without any news of the agent."""


class Call:
    """Made by `open`. Each way to talk returns whether every turn was answered."""

    def __init__(
        self,
        conversation: Conversation,
        agent: AgentHttp,
        player: Player,
        manner: Manner,
        teller: Teller,
        *,
        speaks: bool,
    ) -> None:
        self._conversation = conversation
        self._agent = agent
        self._player = player
        self._manner = manner
        self._teller = teller
        self._speaks = speaks
        self._number = 0
        self._last: Turn | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, base: str, key: str | None, player: Player, manner: Manner, teller: Teller
    ) -> AsyncIterator[Call]:
        """Raises TalkError where the agent takes no session."""
        async with aiohttp.ClientSession() as http:
            wire = await Wire.open(http, base, key)
            agent = AgentHttp(http, base, key)
            figures = await agent.figures()
            if figures is not None and figures.emulated:
                teller.remark(f"emulated: {', '.join(figures.emulated)}. No model makes these answers and times.")
            speaks = manner.speak if manner.speak is not None else figures is not None and figures.hears_and_speaks
            async with Conversation.open(wire, player, teller.note, manner.timeout_seconds) as conversation:
                yield cls(conversation, agent, player, manner, teller, speaks=speaks)
                teller.sums_up(await agent.figures())

    async def say_all(self, said: Sequence[Command]) -> bool:
        """One after the other; the next begins when the answer has been heard out."""
        wanted = self._manner.turns or len(said)
        is_answered = True
        for number, what in enumerate(itertools.islice(itertools.cycle(said), wanted), 1):
            turn = await self._turn(await self._asked(what), is_typed_here=False)
            is_answered = is_answered and turn.outcome == "answered"
            if number < wanted or self._player.is_heard:
                await self._hear_out()
        return is_answered

    async def say_lines(self, lines: Lines) -> bool:
        """Each line of a pipe."""
        outcomes: list[str | None] = []
        while (line := await lines.next()) is not None and len(outcomes) != self._manner.turns:
            what = command(line)
            if isinstance(what, Quit):
                break
            if isinstance(what, SayText | SayRecording):
                turn = await self._turn(await self._asked(what), is_typed_here=False)
                outcomes.append(turn.outcome)
                await self._hear_out()
            elif what is not None:
                self._obey(what)
        return bool(outcomes) and set(outcomes) == {"answered"}

    async def chat(self, lines: Lines) -> bool:
        """With a person, who may type while the agent speaks, and so interrupt it."""
        self._teller.remark(HELP)
        outcomes: list[bool] = []
        busy: asyncio.Task[Turn | None] | None = None
        lost = asyncio.create_task(self._conversation.until_lost())
        try:
            while True:
                line = await self._typed(lines, lost, is_busy=busy is not None)
                if busy is not None:
                    outcomes.append(await self._stopped(busy))
                busy, what = None, Quit() if line is None else command(line)
                if isinstance(what, Quit):
                    return not outcomes or any(outcomes)
                if isinstance(what, SayText | SayRecording):
                    busy = asyncio.create_task(self._exchange(what))
                elif what is not None:
                    self._obey(what)
        finally:
            lost.cancel()
            if busy is not None:
                busy.cancel()
                await asyncio.gather(busy, return_exceptions=True)

    async def _typed(self, lines: Lines, lost: asyncio.Task[LostError], *, is_busy: bool) -> str | None:
        """The next line; raises LostError when the connection ends first."""
        if not is_busy:
            self._teller.awaits()
        line = asyncio.create_task(lines.next())
        await asyncio.wait((line, lost), return_when=asyncio.FIRST_COMPLETED)
        if not line.done():
            line.cancel()
            raise lost.result()
        if line.result() is not None:
            self._teller.typed()
        return line.result()

    async def _exchange(self, what: SayText | SayRecording) -> Turn | None:
        """A turn and its hearing out. What goes wrong with it is told, and the person goes on."""
        try:
            turn = await self._turn(await self._asked(what), is_typed_here=isinstance(what, SayText))
        except LostError:
            raise
        except TalkError as error:
            self._teller.fails(error)
            self._teller.awaits()
            return None
        self._teller.awaits()
        await self._hear_out()
        return turn

    async def _stopped(self, busy: asyncio.Task[Turn | None]) -> bool:
        """Whether it was answered; an answer that is still being made or heard ends now."""
        if not busy.done():
            await self._conversation.interrupt()
            await asyncio.wait((busy,), timeout=_STOP_SECONDS)
            busy.cancel()
        (turn,) = await asyncio.gather(busy, return_exceptions=True)
        return isinstance(turn, Turn) and turn.outcome == "answered"

    async def _asked(self, what: Command) -> Asked:
        match what:
            case SayRecording(path):
                return Asked(path.name, await asyncio.to_thread(read_recording, path))
            case SayText(text) if self._speaks:
                return await self._aloud(text)
            case SayText(text):
                return Asked(text)
            case _:
                raise TypeError(what)

    async def _aloud(self, text: str) -> Asked:
        try:
            return Asked(text, await self._agent.spoken(text))
        except NoVoiceError as error:
            if self._manner.speak:
                raise UnreadableError(f"--speak: {error}; use --no-speak") from error
            self._speaks = False
            self._teller.remark(f"text is sent as it is: {error}")
            return Asked(text)

    async def _turn(self, asked: Asked, *, is_typed_here: bool) -> Turn:
        self._teller.begins(asked, is_typed_here=is_typed_here)
        turn = self._last = await self._conversation.take(asked)
        self._number += 1
        saved = self._save(turn)
        self._teller.ends(turn, saved)
        return turn

    def _save(self, turn: Turn) -> Path | None:
        if self._manner.save is None or not turn.audio:
            return None
        path = numbered(self._manner.save, self._number)
        _write(path, turn)
        return path

    async def _hear_out(self) -> None:
        was_heard = self._player.is_heard
        await self._conversation.hear_out()
        if was_heard and not self._player.is_heard:
            self._teller.remark(f"{self._player.problem}; --save FILE keeps the answers")

    def _obey(self, what: Command) -> None:
        match what:
            case SaveAnswer(path) if self._last is not None and self._last.audio:
                try:
                    _write(path, self._last)
                    self._teller.remark(f"saved {path}")
                except UnreadableError as error:
                    self._teller.fails(error)
            case SaveAnswer():
                self._teller.remark("there is no spoken answer to save yet")
            case Unclear(text):
                self._teller.remark(text)


def numbered(path: Path, number: int) -> Path:
    """answer.wav, answer-2.wav, answer-3.wav ..."""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def _write(path: Path, turn: Turn) -> None:
    try:
        write_recording(path, bytes(turn.audio))
    except OSError as error:
        raise UnreadableError(f"{path}: can't be written: {error.strerror or error}") from error
