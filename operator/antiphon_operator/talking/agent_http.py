"""What else the agent serves beside the WebSocket: its own voice, and figures of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp

from antiphon_operator.talking.errors import NotReachedError, RefusedError
from antiphon_operator.talking.recordings import Sound, sound_of
from antiphon_operator.talking.wire import headers, no_key

_SPEAK_SECONDS = 60.0
_FIGURES_SECONDS = 5.0


@dataclass(frozen=True)
class Figures:
    """The agent's view of itself."""

    stages: tuple[str, ...]
    emulated: tuple[str, ...]
    """Stages whose answers and times no model makes."""
    turn_p50_ms: float | None = None
    """From the user's last sound to the first sound sent, over the last turns."""
    turn_p95_ms: float | None = None
    turns: int = 0

    @property
    def hears_and_speaks(self) -> bool:
        return "speech" in self.stages or {"asr", "tts"} <= set(self.stages)


class NoVoiceError(Exception):
    """The agent has nothing that turns a text into speech."""


class AgentHttp:
    def __init__(self, http: aiohttp.ClientSession, base: str, key: str | None) -> None:
        self._http, self._base, self._key = http, base, key

    async def spoken(self, text: str) -> Sound:
        """The text in the agent's own voice. Raises NoVoiceError or TalkError."""
        body = {"input": text, "response_format": "pcm"}
        timeout = aiohttp.ClientTimeout(total=_SPEAK_SECONDS)
        url = f"{self._base}/v1/audio/speech"
        try:
            async with self._http.post(url, json=body, headers=headers(self._key), timeout=timeout) as answer:
                if answer.status == 200:
                    return sound_of(await answer.read())
                raise _refused(answer.status, await _error(answer), self._key)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotReachedError(f"{url} can't be reached: {str(error) or type(error).__name__}") from error

    async def figures(self) -> Figures | None:
        """None where the agent tells none: another make, another version, or it is busy."""
        timeout = aiohttp.ClientTimeout(total=_FIGURES_SECONDS)
        try:
            url = f"{self._base}/page/latency"
            async with self._http.get(url, headers=headers(self._key), timeout=timeout) as answer:
                return _figures(await answer.json()) if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def _figures(body: Any) -> Figures:
    stages = body["stages"]
    turn = body.get("turn") or {}
    return Figures(
        tuple(stage["stage"] for stage in stages),
        tuple(stage["stage"] for stage in stages if stage["emulated"]),
        turn.get("p50_ms"),
        turn.get("p95_ms"),
        turn.get("samples") or 0,
    )


async def _error(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        body = await answer.json()
        return dict(body["error"])
    except (aiohttp.ClientError, ValueError, KeyError, TypeError):
        return {}


def _refused(status: int, error: dict[str, Any], key: str | None) -> Exception:
    message = str(error.get("message") or f"HTTP {status}")
    if status == 401:
        return no_key(key)
    if status == 404:
        return NoVoiceError(message)
    return RefusedError(str(error.get("code") or f"http_{status}"), f"the agent does not say the text: {message}")
