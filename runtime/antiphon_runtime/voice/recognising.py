"""From a stretch of audio to its words, for one session."""

from __future__ import annotations

from antiphon_crds.control import Features
from antiphon_runtime.engines.protocols import Samples, Transcript, Utterance
from antiphon_runtime.realtime.client_session import Transcription
from antiphon_runtime.stages.served import Served
from antiphon_runtime.stages.working import Recognizing
from antiphon_runtime.voice.defaults import AgentOptions


class Recognition:
    """`session_id` makes it fair among sessions."""

    def __init__(self, asr: Served[Recognizing], options: AgentOptions, session_id: str) -> None:
        self.features = Features()
        self.asked: Transcription | None = None
        """What the client asked for."""
        self._asr = asr
        self._options = options
        self._session_id = session_id

    async def transcribe(self, samples: Samples, *, final: bool, words: bool = False) -> Transcript:
        """A partial one gives way to whatever the session wants heard next."""
        asked, said = self.asked, self._options.asr
        utterance = Utterance(
            samples,
            language=(asked.language if asked else None) or said.language or "",
            prompt=(asked.prompt if asked else None) or said.prompt or "",
            beam_size=self.features.beam_size or said.beam_size,
            final=final,
            words=words,
        )
        async with self._asr.lease() as recognizing:
            return await recognizing.transcribe(utterance, session=(self._session_id, "turn"))
