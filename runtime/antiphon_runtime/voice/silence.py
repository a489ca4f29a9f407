"""Nobody speaks for long: the agent is asked to say something."""

from __future__ import annotations

import asyncio

from antiphon_runtime.realtime.client_session import ServerVad
from antiphon_runtime.voice.room import Room


class SilenceWatch:
    """As `idle_timeout_ms` of server_vad wants it: counted from when the answer before was played to its end."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._timer: asyncio.TimerHandle | None = None

    def answered(self) -> None:
        """An answer was sent to its end."""
        self.stop()
        detection = self._room.protocol.settings.audio.input.turn_detection
        if not isinstance(detection, ServerVad) or detection.idle_timeout_ms is None:
            return
        loop = asyncio.get_running_loop()
        played = max(self._room.answers.plays_until or 0.0, loop.time())
        self._timer = loop.call_at(played + detection.idle_timeout_ms / 1000, self._over, detection.idle_timeout_ms)

    def stop(self) -> None:
        """Somebody speaks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self, idle_ms: int) -> None:
        protocol = self._room.protocol
        if protocol.turns.is_speaking or protocol.responses.active is not None:
            return
        reply = protocol.turns.timeout(protocol.turns.buffer.end_ms - idle_ms)
        if reply.events:
            self._room.take(reply)
            self._room.take(protocol.respond())
