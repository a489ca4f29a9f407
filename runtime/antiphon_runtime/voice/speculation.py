"""Work that is begun on a pause, before the turn is surely over."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from antiphon_runtime.engines.protocols import Chat, Transcript
from antiphon_runtime.voice.draft import Draft
from antiphon_runtime.voice.listener import Listener


@dataclass(slots=True, eq=False)
class Speculation:
    """Of one pause. It is used when the turn ends with that pause, else dropped."""

    pause: int
    transcript: asyncio.Task[Transcript]
    draft: Draft | None = None
    is_over: bool = False
    """Taken or dropped: nothing more is begun for it."""

    def take(self, listener: Listener) -> asyncio.Task[Transcript]:
        """The turn is over with this pause: what was heard up to it is the whole turn."""
        self.is_over = True
        listener.speculated("asr", True)
        return self.transcript

    def take_draft(self, chat: Chat, listener: Listener) -> Draft | None:
        """The answer that was begun, if it was begun for exactly this question; the caller discards it in the end."""
        draft, self.draft = self.draft, None
        if draft is None:
            return None
        if draft.chat == chat:
            listener.speculated("llm", True)
            return draft
        self.draft = draft
        return None

    async def drop(self, listener: Listener) -> None:
        """Ends what is under way; a transcript that was taken is left alone."""
        if not self.is_over:
            self.is_over = True
            self.transcript.cancel()
            listener.speculated("asr", False)
            with suppress(asyncio.CancelledError, Exception):
                await self.transcript
        draft, self.draft = self.draft, None
        if draft is not None:
            listener.speculated("llm", False)
            await draft.discard()
