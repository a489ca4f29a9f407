"""A request for speech, as OpenAI's clients write it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field

from antiphon_runtime.realtime.errors import shown
from antiphon_runtime.realtime.session_settings import CLIENTS_VOICES, voice_for_model
from antiphon_runtime.server.http_api.bodies import Given
from antiphon_runtime.server.http_api.errors import ApiError
from antiphon_runtime.server.http_api.sound_files import SoundFormat

_VOICES = CLIENTS_VOICES | {"fable", "nova", "onyx"}
"""Names that clients send without being asked; whoever does not have them speaks with the model's own voice."""


class VoiceId(Given):
    id: Annotated[str, Field(min_length=1, max_length=128)]


class SpeechRequest(Given):
    """instructions are read past: the voices take none."""

    input: Annotated[str, Field(min_length=1, max_length=4096)]
    model: str | None = None
    """The agent's name, a model's, or left out."""
    voice: Annotated[str, Field(max_length=128)] | VoiceId | None = None
    """Of the model; OpenAI's names, and none, mean the agent's."""
    response_format: SoundFormat | None = None
    """Default: mp3 where it can be made, else wav."""
    speed: Annotated[float, Field(ge=0.25, le=4)] | None = None
    stream_format: Literal["audio", "sse"] | None = None
    """Default: audio."""

    def voice_name(self, known: Collection[str], agents: str | None) -> str:
        """As the model knows it; empty for its own. Raises ApiError."""
        asked = self.voice.id if isinstance(self.voice, VoiceId) else self.voice
        if asked and asked not in known and asked not in _VOICES:
            names = ", ".join(sorted(known)) or "none by name"
            raise ApiError(f"voice is {shown(asked)}; the voices of this agent are: {names}", param="voice")
        return voice_for_model(asked or "", known) or voice_for_model(agents or "", known)
