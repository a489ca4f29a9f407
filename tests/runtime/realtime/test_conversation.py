"""Items keep the order and the ids that clients give them."""

from __future__ import annotations

from typing import Any

import pytest
from realtime_session import kinds, only_error, pcm, session, started, tone, user_message

from antiphon_runtime.realtime.actions import AudioGiven, ItemDeleted, ItemTruncated
from antiphon_runtime.realtime.errors import (
    CREATE_DUPLICATE_ITEM,
    CREATE_INVALID_ITEM,
    CREATE_INVALID_PREVIOUS,
    DELETE_INVALID_ITEM,
    INVALID_VALUE,
    RETRIEVE_INVALID_ITEM,
    TRUNCATE_INVALID_ITEM,
)
from antiphon_runtime.realtime.items import Message
from antiphon_runtime.realtime.protocol import Protocol


def ids(protocol: Protocol) -> list[str]:
    return [item.id for item in protocol.conversation]


def truncate(item_id: str, audio_end_ms: int, content_index: int = 0) -> dict[str, Any]:
    place = {"item_id": item_id, "content_index": content_index}
    return {"type": "conversation.item.truncate", **place, "audio_end_ms": audio_end_ms}


def test_items_are_added_and_done_where_the_client_wants_them() -> None:
    protocol = session()
    reply = protocol.feed(user_message("b", id="b"))
    assert kinds(reply.events) == ["conversation.item.added", "conversation.item.done"]
    assert [event["previous_item_id"] for event in reply.events] == [None, None]
    assert protocol.feed(user_message("d", id="d")).events[0]["previous_item_id"] == "b"
    assert protocol.feed(user_message("c", id="c", previous_item_id="b")).events[1]["previous_item_id"] == "b"
    assert protocol.feed(user_message("a", id="a", previous_item_id="root")).events[0]["previous_item_id"] is None
    assert ids(protocol) == ["a", "b", "c", "d"]
    told = protocol.feed({"type": "conversation.item.retrieve", "item_id": "c"}).events[0]
    assert told["item"] == {
        "id": "c",
        "object": "realtime.item",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_text", "text": "c"}],
    }


def test_the_server_gives_ids_where_the_client_does_not() -> None:
    protocol = session()
    item = protocol.feed(user_message("hello")).events[0]["item"]
    assert ids(protocol) == [item["id"]]


def test_refused_items_change_nothing() -> None:
    protocol = session()
    protocol.feed(user_message("a", id="a"))
    taken = only_error(protocol.feed({**user_message("again", id="a"), "event_id": "mine"}))
    assert (taken["code"], taken["param"], taken["event_id"]) == (CREATE_DUPLICATE_ITEM, "item.id", "mine")
    root = only_error(protocol.feed(user_message("again", id="root")))
    assert root["code"] == CREATE_INVALID_ITEM
    lost = only_error(protocol.feed(user_message("b", id="b", previous_item_id="zz")))
    assert (lost["code"], lost["param"]) == (CREATE_INVALID_PREVIOUS, "previous_item_id")
    assert ids(protocol) == ["a"]


@pytest.mark.parametrize(("verb", "code"), [("delete", DELETE_INVALID_ITEM), ("retrieve", RETRIEVE_INVALID_ITEM)])
def test_unknown_items_are_named(verb: str, code: str) -> None:
    error = only_error(session().feed({"type": f"conversation.item.{verb}", "item_id": "zz", "event_id": "e"}))
    assert (error["code"], error["param"], error["event_id"]) == (code, "item_id", "e")
    assert error["message"] == "item_id is 'zz'; the conversation has no such item"


def test_a_delete_is_told_once() -> None:
    protocol = session()
    protocol.feed(user_message("a", id="a"))
    reply = protocol.feed({"type": "conversation.item.delete", "item_id": "a"})
    assert kinds(reply.events) == ["conversation.item.deleted"]
    assert reply.actions == [ItemDeleted("a")]
    assert ids(protocol) == []


def test_audio_that_a_client_brings_is_recognised_unless_its_words_came_too() -> None:
    protocol = session()
    content = [
        {"type": "input_audio", "audio": pcm(500)},
        {"type": "input_audio", "audio": pcm(500), "transcript": "known"},
    ]
    item = {"type": "message", "role": "user", "content": content, "id": "a"}
    reply = protocol.feed({"type": "conversation.item.create", "item": item})
    assert kinds(reply.events) == ["conversation.item.added", "conversation.item.done"]
    (clip,) = reply.actions
    assert isinstance(clip, AudioGiven)
    assert (clip.item_id, clip.content_index, len(clip.samples)) == ("a", 0, 8_000)
    protocol.turns.transcript_completed("a", "heard", 0)
    (message,) = protocol.conversation
    assert isinstance(message, Message)
    assert message.text == "heard known"


def test_bad_audio_in_an_item_leaves_no_item() -> None:
    protocol = session()
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "?"}], "id": "a"}
    error = only_error(protocol.feed({"type": "conversation.item.create", "item": item}))
    assert error["param"] == "item.content.0.audio"
    assert ids(protocol) == []


def spoken(protocol: Protocol) -> str:
    """An answer of 2 s: one word for each 200 ms."""
    writer = started(protocol.respond())
    for clause in ("one two three four five", " six seven eight nine ten"):
        writer.text(clause)
        writer.speak(tone(1_000), 24_000)
        writer.pause()
    writer.finish()
    assert writer.item_id is not None
    assert writer.audio_ms == 2_000
    return writer.item_id


@pytest.mark.parametrize(
    ("heard_ms", "words"),
    [
        (0, ""),
        (100, ""),
        (150, "one"),
        (500, "one two"),
        (1_000, "one two three four five"),
        (1_100, "one two three four five"),
        (1_650, "one two three four five six seven eight"),
        (2_000, "one two three four five six seven eight nine ten"),
    ],
)
def test_an_answer_is_cut_to_what_was_heard(heard_ms: int, words: str) -> None:
    protocol = session()
    item_id = spoken(protocol)
    reply = protocol.feed(truncate(item_id, heard_ms))
    assert kinds(reply.events) == ["conversation.item.truncated"]
    assert reply.actions == [ItemTruncated(item_id, heard_ms)]
    item = protocol.conversation.find(item_id)
    assert isinstance(item, Message)
    assert item.text == words
    assert protocol.next_plan().messages(protocol.conversation) == (
        [{"role": "assistant", "content": words}] if words else []
    )
    again = only_error(protocol.feed(truncate(item_id, heard_ms + 1)))
    assert (again["code"], again["param"]) == (INVALID_VALUE, "audio_end_ms")
    assert "already shorter" in again["message"]
    assert kinds(protocol.feed(truncate(item_id, heard_ms)).events) == ["conversation.item.truncated"]


def test_only_what_the_agent_said_can_be_truncated() -> None:
    protocol = session()
    protocol.feed(user_message("a", id="a"))
    assert only_error(protocol.feed(truncate("a", 0)))["code"] == TRUNCATE_INVALID_ITEM
    assert only_error(protocol.feed(truncate("zz", 0)))["code"] == TRUNCATE_INVALID_ITEM
    item_id = spoken(protocol)
    assert only_error(protocol.feed(truncate(item_id, 0, content_index=1)))["param"] == "content_index"


def test_truncating_what_is_being_said_keeps_later_words_out() -> None:
    protocol = session()
    writer = started(protocol.respond())
    writer.text("one two three four five")
    writer.speak(tone(1_000), 24_000)
    writer.pause()
    assert writer.item_id is not None
    protocol.feed(truncate(writer.item_id, 600))
    writer.text(" six seven")
    writer.speak(tone(1_000), 24_000)
    done = writer.finish("cancelled", reason="client_cancelled")[-1]
    # A second is not known to be all of the clause, so the usual length of 23 characters is taken.
    assert done["response"]["output"][0]["content"] == [{"type": "output_audio", "transcript": "one two"}]
