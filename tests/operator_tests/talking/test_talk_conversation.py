"""A conversation with a stand-in that says what a test wants: barge-in, truncation, several turns."""

from __future__ import annotations

import asyncio
import base64
import json
from array import array
from typing import Any

import aiohttp
from aiohttp import web

from antiphon_operator.talking.conversation import Asked, Conversation
from antiphon_operator.talking.player import Player
from antiphon_operator.talking.recordings import RATE, Sound
from antiphon_operator.talking.turn import Note, Turn
from antiphon_operator.talking.wire import Wire

TEN_SECONDS = base64.b64encode(bytes(RATE * 2 * 10)).decode()


class Agent:
    """Answers a typed turn with ten seconds of sound and keeps what else it is sent."""

    def __init__(self, *, finishes: bool = True) -> None:
        self.finishes = finishes
        self.got: list[dict[str, Any]] = []

    async def serve(self, socket: web.WebSocketResponse) -> None:
        await socket.send_json({"type": "session.created", "session": {}})
        number = 0
        async for message in socket:
            event = json.loads(message.data)
            if event["type"] == "session.update":
                await socket.send_json({"type": "session.updated", "session": {}})
            elif event["type"] == "response.create":
                number += 1
                await self._answer(socket, f"response{number}", f"item{number}")
            elif event["type"] != "input_audio_buffer.append":
                self.got.append(event)

    async def _answer(self, socket: web.WebSocketResponse, response: str, item: str) -> None:
        place = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        await socket.send_json({"type": "response.created", "response": {"id": response}})
        await socket.send_json({"type": "response.output_audio_transcript.delta", **place, "delta": "Well."})
        await socket.send_json({"type": "response.output_audio.delta", **place, "delta": TEN_SECONDS})
        if self.finishes:
            done = {"id": response, "status": "completed", "output": []}
            await socket.send_json({"type": "response.done", "response": done})

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.got if event["type"] == kind]


async def wait_for(agent: Agent, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while not agent.of(kind):
            await asyncio.sleep(0.01)
    return agent.of(kind)[0]


async def told(agent: Agent, stand_in: Any, story: Any) -> list[Note]:
    notes: list[Note] = []
    async with stand_in(agent.serve) as url, aiohttp.ClientSession() as http:
        wire = await Wire.open(http, url, None)
        async with Conversation.open(wire, Player(None), notes.append, 5.0) as conversation:
            await story(conversation)
    return notes


def test_typing_while_it_is_heard_tells_how_much_was_heard(stand_in: Any) -> None:
    agent = Agent()

    async def story(conversation: Conversation) -> None:
        turn = await conversation.take(Asked("Tell me"))
        assert turn.outcome == "answered"
        hearing = asyncio.create_task(conversation.hear_out())
        await asyncio.sleep(0.3)
        await conversation.interrupt()
        await hearing
        truncated = await wait_for(agent, "conversation.item.truncate")
        assert truncated["item_id"] == "item1"
        assert 250 <= truncated["audio_end_ms"] <= 3000
        assert not agent.of("response.cancel")

    asyncio.run(told(agent, stand_in, story))


def test_typing_while_it_answers_cancels_the_answer(stand_in: Any) -> None:
    agent = Agent(finishes=False)

    async def story(conversation: Conversation) -> None:
        taking = asyncio.create_task(conversation.take(Asked("Tell me")))
        await asyncio.sleep(0.3)
        await conversation.interrupt()
        turn = await taking
        assert (turn.outcome, turn.answer) == ("interrupted", "Well.")
        assert await wait_for(agent, "response.cancel")
        assert await wait_for(agent, "conversation.item.truncate")

    asyncio.run(told(agent, stand_in, story))


def test_after_an_answer_was_heard_out_nothing_is_truncated(stand_in: Any) -> None:
    agent = Agent()

    async def story(conversation: Conversation) -> None:
        await conversation.take(Asked("One"))
        await conversation.interrupt()
        second = await conversation.take(Asked("Two"))
        assert second.outcome == "answered"
        await conversation.interrupt()
        await wait_for(agent, "conversation.item.create")

    asyncio.run(told(agent, stand_in, story))
    items = [event["item"]["content"][0]["text"] for event in agent.of("conversation.item.create")]
    assert items == ["One", "Two"]
    assert [event["item_id"] for event in agent.of("conversation.item.truncate")] == ["item1", "item2"]


def test_what_the_agent_says_of_the_settings_is_told_and_ends_nothing(stand_in: Any) -> None:
    async def serve(socket: web.WebSocketResponse) -> None:
        await socket.send_json({"type": "session.created", "session": {}})
        await socket.receive()
        await socket.send_json({"type": "error", "error": {"message": "no transcripts here"}})
        await Agent().serve(socket)

    agent = Agent()
    agent.serve = serve  # type: ignore[method-assign]

    async def story(conversation: Conversation) -> None:
        assert (await conversation.take(Asked("Hello"))).outcome == "answered"

    notes = asyncio.run(told(agent, stand_in, story))
    assert notes[0] == Note("problem", "no transcripts here")


def test_a_spoken_turn_is_timed_from_its_last_sound(stand_in: Any) -> None:
    """The stand-in answers when it has heard a frame that is loud, and half a second."""

    async def serve(socket: web.WebSocketResponse) -> None:
        await socket.send_json({"type": "session.created", "session": {}})
        loud_at = None
        answer = Agent()
        loop = asyncio.get_running_loop()
        async for message in socket:
            event = json.loads(message.data)
            if event["type"] == "session.update":
                await socket.send_json({"type": "session.updated", "session": {}})
            elif event["type"] == "input_audio_buffer.append":
                if max(array("h", base64.b64decode(event["audio"]))) > 1000:
                    if loud_at is None:
                        await socket.send_json({"type": "input_audio_buffer.speech_started", "item_id": "user"})
                    loud_at = loop.time()
                elif loud_at is not None and loop.time() > loud_at + 0.5:
                    loud_at = None
                    for kind in ("speech_stopped", "committed"):
                        await socket.send_json({"type": f"input_audio_buffer.{kind}", "item_id": "user"})
                    done = "conversation.item.input_audio_transcription.completed"
                    await socket.send_json({"type": done, "item_id": "user", "transcript": "hello"})
                    await answer._answer(socket, "response", "item")

    agent = Agent()
    agent.serve = serve  # type: ignore[method-assign]
    turns: list[Turn] = []

    async def story(conversation: Conversation) -> None:
        sound = Sound(array("h", [9000] * (RATE // 2) + [0] * RATE))
        turns.append(await conversation.take(Asked("said.wav", sound)))

    asyncio.run(told(agent, stand_in, story))
    (turn,) = turns
    assert (turn.outcome, turn.heard, turn.answer) == ("answered", "hello", "Well.")
    first_audio_ms = turn.after_ms(turn.first_audio_at)
    assert first_audio_ms is not None
    assert 480 <= first_audio_ms <= 900
