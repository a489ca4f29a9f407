"""An answer that the user speaks over: how soon it falls silent."""

from __future__ import annotations

import json

from antiphon_runtime.bench.answer import Answer
from antiphon_runtime.bench.turns import Turn


class CutOff:
    """The client stops playing when it is told that the user speaks, as clients do."""

    def __init__(self, turn: Turn, answer: Answer, onset: float) -> None:
        """`onset`: of the user's speech."""
        self.answer = answer
        self._turn = turn
        self._onset = onset
        self._noticed: float | None = None

    def notice(self, now: float) -> bool:
        """The server says that the user speaks; whether the answer was still to be heard."""
        if self._noticed is not None or not self.answer.clock.left(now):
            return False
        self._noticed = now
        return True

    def end(self) -> bool:
        """Takes down how long it took: what still came after the notice counts. False: it was never noticed."""
        if self._noticed is None:
            return False
        silent = max(self._noticed, self.answer.last_came or self._noticed)
        self._turn.cut_off_ms = (silent - self._onset) * 1e3
        return True


def stop_playing(answer: Answer, now: float) -> list[str]:
    """What a client tells the server of an answer that it plays no further."""
    played_ms = int(answer.clock.played(now) * 1e3)
    answer.clock.stop(now)
    place = {"item_id": answer.item_id, "content_index": 0, "audio_end_ms": played_ms}
    return [json.dumps({"type": "conversation.item.truncate", **place})]
