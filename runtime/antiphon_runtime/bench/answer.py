"""One answer as the user hears it."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import numpy as np

from antiphon_runtime.bench.clips import AUDIBLE
from antiphon_runtime.bench.playback_clock import PlaybackClock
from antiphon_runtime.bench.takes import Format, decoded, wire_format


class Answer:
    """Of one response of the server's."""

    def __init__(self, response_id: str, audio_format: Format, delay_seconds: float) -> None:
        self.response_id = response_id
        self.clock = PlaybackClock(delay_seconds)
        self.audible: float | None = None
        self.last_came: float | None = None
        self.status = ""
        """Empty while it is being made."""
        self.failure = ""
        self.item_id = ""
        self._format = audio_format
        self._rate = wire_format(audio_format).samples_per_second
        self._sample_bytes = wire_format(audio_format).bytes_per_sample

    @property
    def is_over(self) -> bool:
        """No more of it will come."""
        return bool(self.status)

    def receive(self, at: float, event: dict[str, Any]) -> None:
        """A piece of audio. Only until the first sound its samples are looked at."""
        data = b64decode(event["delta"])
        self.item_id = event.get("item_id", "")
        self.last_came = at
        begins = self.clock.receive(at, len(data) / self._sample_bytes / self._rate)
        if self.audible is None and not self.clock.is_stopped:
            sounds = np.flatnonzero(np.abs(decoded(data, self._format)) >= AUDIBLE)
            if sounds.size:
                self.audible = begins + float(sounds[0]) / self._rate

    def done(self, response: dict[str, Any]) -> None:
        self.status = response.get("status") or "completed"
        if self.status == "failed":
            error = (response.get("status_details") or {}).get("error") or {}
            self.failure = str(error.get("code") or error.get("type") or "failed")

    def is_heard(self, now: float) -> bool:
        """Sound is being played, and more of it is to come."""
        return self.audible is not None and now >= self.audible and self.clock.left(now) > 0

    def is_finished(self, now: float) -> bool:
        return self.is_over and self.clock.left(now) <= 0
