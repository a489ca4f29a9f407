"""What the language model reads of a conversation."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from realtime_session import session, started, update, user_message

from antiphon_runtime.realtime.chat import chat_tool_choice, chat_tools, split_instructions
from antiphon_runtime.realtime.client_session import FunctionChoice, FunctionTool
from antiphon_runtime.realtime.protocol import Protocol


def prompt(protocol: Protocol, heard: str = "") -> list[dict[str, Any]]:
    return protocol.next_plan().messages(protocol.conversation, heard)


def called(protocol: Protocol) -> None:
    """The agent says a word, asks for the weather and the time, and is told both."""
    writer = started(protocol.respond())
    writer.text("Wait.")
    writer.tool_call({"index": 0, "id": "c1", "function": {"name": "weather", "arguments": "{}"}})
    writer.tool_call({"index": 1, "id": "c2", "function": {"name": "time", "arguments": "{}"}})
    writer.finish()
    for call_id, output in (("c1", "rain"), ("c2", "noon")):
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        protocol.feed({"type": "conversation.item.create", "item": item})


def test_a_conversation_with_calls() -> None:
    protocol = session()
    protocol.feed(update(instructions="Be brief.", output_modalities=["text"]))
    protocol.feed(user_message("Weather and time?"))
    called(protocol)
    calls = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}
        for call_id, name in (("c1", "weather"), ("c2", "time"))
    ]
    assert prompt(protocol) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather and time?"},
        {"role": "assistant", "content": "Wait.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        {"role": "tool", "tool_call_id": "c2", "content": "noon"},
    ]


@given(st.lists(st.sampled_from(["user", "answer", "calls", "silence"]), max_size=12))
def test_prompts_only_grow(steps: list[str]) -> None:
    protocol = session()
    protocol.feed(update(instructions="Be brief.", output_modalities=["text"]))
    before = prompt(protocol)
    for step in steps:
        if step == "user":
            protocol.feed(user_message("hello"))
        elif step == "calls":
            called(protocol)
        else:
            writer = started(protocol.respond())
            assert prompt(protocol) == before, "what is being written is not read yet"
            writer.text("hi" if step == "answer" else "")
            writer.finish()
        after = prompt(protocol)
        assert after[: len(before)] == before
        before = after


def test_what_is_believed_to_be_said_comes_after_what_was_said() -> None:
    protocol = session()
    protocol.feed(user_message("hello"))
    assert prompt(protocol, "how are")[-1] == {"role": "user", "content": "how are"}
    assert len(prompt(protocol)) == 1


def test_instructions_that_go_on_from_the_sessions_keep_the_beginning() -> None:
    assert split_instructions("Be brief.", None) == ("Be brief.", "")
    assert split_instructions("Be brief.", "Be brief.\nSay hello.") == ("Be brief.", "Say hello.")
    assert split_instructions("Be brief.", "Sing.") == ("Sing.", "")
    assert split_instructions("", "Sing.") == ("Sing.", "")


def test_a_response_may_bring_its_own_context() -> None:
    protocol = session()
    protocol.feed(update(instructions="Be brief."))
    protocol.feed(user_message("one", id="one"))
    protocol.feed(user_message("two", id="two"))
    other = user_message("three")["item"]
    given_input = [{"type": "item_reference", "id": "two"}, other]
    reply = protocol.feed({"type": "response.create", "response": {"input": given_input, "conversation": "none"}})
    assert [message["content"] for message in started(reply).messages()] == ["Be brief.", "two", "three"]
    reply = protocol.feed({"type": "response.create", "response": {"input": []}})
    assert [message["content"] for message in started(reply).messages()] == ["Be brief."]


def test_tools_take_the_chat_apis_shape() -> None:
    tool = FunctionTool(type="function", name="weather", parameters={"type": "object"})
    assert chat_tools([tool]) == [
        {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    ]
    assert chat_tool_choice("auto") == "auto"
    choice = FunctionChoice(type="function", name="weather")
    assert chat_tool_choice(choice) == {"type": "function", "function": {"name": "weather"}}
