"""POST /v1/chat/completions, and what all endpoints share: names of models, errors, who hangs up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from http_api_world import AGENT, Api, in_process, over_loopback, tone, wav
from voice_world import ScriptedModel, ScriptedVoice

from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.engines.protocols import EngineError

_HELLO = [{"role": "user", "content": "Hello?"}]
_CALL = {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": "{}"}}]}


async def _ask(client: httpx.AsyncClient, /, **fields: Any) -> httpx.Response:
    return await client.post("/chat/completions", json={"messages": _HELLO, **fields})


def _model(answer: str = "It is noon.") -> ScriptedModel:
    model = ScriptedModel(0, 4, lambda _: answer)
    model.word_seconds = 0
    return model


def _chunks(response: httpx.Response) -> list[dict[str, Any]]:
    lines = [line[6:] for line in response.text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_an_answer() -> None:
    async def story() -> httpx.Response:
        async with in_process() as client:
            return await _ask(client, user="u", seed=1, store=False, service_tier="auto", logit_bias={"1": 2})

    answer = asyncio.run(story())
    said = answer.json()
    assert answer.status_code == 200
    assert answer.headers["antiphon-emulated"] == "llm"
    assert said["system_fingerprint"] == "emulated"
    assert said["choices"][0]["message"] == {
        "role": "assistant",
        "content": "This answer is emulated. No model has made it.",
        "refusal": None,
    }
    assert said["choices"][0]["finish_reason"] == "stop"
    assert said["usage"] == {"prompt_tokens": 1, "completion_tokens": 9, "total_tokens": 10}


def test_streamed_pieces_joined_are_the_answer() -> None:
    async def story() -> httpx.Response:
        async with in_process() as client:
            return await _ask(client, stream=True, stream_options={"include_usage": True}, max_tokens=3)

    first, *middle, end, usage = _chunks(asyncio.run(story()))
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in middle) == "This answer is"
    assert (end["choices"][0]["delta"], end["choices"][0]["finish_reason"]) == ({}, "length")
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], 3)
    assert len({chunk["id"] for chunk in (first, *middle, end, usage)}) == 1


def test_the_agent_brings_its_instructions_and_a_bare_model_does_not() -> None:
    model = _model()
    system = {"role": "system", "content": "Be brief."}

    async def story() -> None:
        async with in_process({"llm": model}, options={"llm": {"instructions": "Be brief."}}) as client:
            await _ask(client)
            await _ask(client, model=AGENT)
            await _ask(client, model="llm-model")
            await _ask(client, messages=[{"role": "developer", "content": "Be long."}, *_HELLO])

    asyncio.run(story())
    assert [chat.messages for chat in model.chats] == [
        [system, *_HELLO],
        [system, *_HELLO],
        _HELLO,
        [{"role": "system", "content": "Be long."}, *_HELLO],
    ]


def test_what_was_asked_for_reaches_the_model() -> None:
    model = _model()
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "text", "text": "there"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "A tree."},
    ]

    async def story() -> None:
        options = {"temperature": 0.3, "maxNewTokens": 50}
        async with in_process({"llm": model}, options={"llm": options}) as client:
            await _ask(client)
            choice = {"type": "function", "function": {"name": "look"}}
            more = {"max_tokens": 7, "max_completion_tokens": 20, "temperature": 1.5, "stop": "\n", "tools": [tool]}
            await _ask(client, messages=messages, tool_choice=choice, **more)
            await _ask(client, max_tokens=1000, stop=["a", "b"], tool_choice="none")

    asyncio.run(story())
    plain, full, long = model.chats
    assert (plain.max_tokens, plain.temperature, plain.tools, plain.tool_choice) == (50, 0.3, [], "auto")
    assert (full.max_tokens, full.temperature, full.stop, full.tools) == (7, 1.5, ("\n",), [tool])
    assert full.tool_choice == {"type": "function", "function": {"name": "look"}}
    assert full.messages[0]["content"] == "Look\nthere"
    assert full.messages[1] == {"role": "assistant", "content": "", "tool_calls": [call]}
    assert full.messages[2] == messages[2]
    assert (long.max_tokens, long.stop, long.tool_choice) == (50, ("a", "b"), "none")


def test_a_called_tool_in_both_ways() -> None:
    tool = {"type": "function", "function": {"name": "look"}}

    async def story() -> tuple[httpx.Response, httpx.Response]:
        async with in_process() as client:
            whole = await _ask(client, tools=[tool], tool_choice="required")
            return whole, await _ask(client, tools=[tool], tool_choice="required", stream=True)

    whole, streamed = asyncio.run(story())
    choice = whole.json()["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "look", "arguments": "{}"}
    deltas = [chunk["choices"][0]["delta"] for chunk in _chunks(streamed)]
    assert [delta["tool_calls"][0]["function"]["name"] for delta in deltas if "tool_calls" in delta] == ["look"]


@pytest.mark.parametrize(
    ("fields", "param", "told"),
    [
        ({"messages": []}, "messages", "at least 1"),
        ({"messages": "hi"}, "messages", "'hi'"),
        ({"messages": [{"role": "user"}]}, "messages.0.content", "is missing"),
        ({"messages": [{"role": "robot", "content": ""}]}, "messages.0.role", "must be one of 'system'"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0.content", "text parts only"),
        ({"temperature": 3}, "temperature", "less than or equal to 2"),
        ({"max_tokens": 0}, "max_tokens", "greater than or equal to 1"),
        ({"n": 2}, "n", "less than or equal to 1"),
        ({"stop": ["a"] * 5}, "stop", "at most 4"),
        ({"logprobs": True}, "logprobs", "should be False"),
        ({"response_format": {"type": "json_object"}}, "response_format.type", "'text'"),
        ({"tool_choice": "required"}, "tool_choice", "tools is empty"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name", "'a b'"),
        ({"stream": "yes"}, "stream", "'yes'"),
        ({"messages": [*_HELLO, _CALL]}, "messages.1", "with their results must follow"),
    ],
)
def test_a_wrong_field_is_named(fields: Mapping[str, Any], param: str, told: str) -> None:
    async def story() -> httpx.Response:
        async with in_process() as client:
            return await _ask(client, **fields)

    answer = asyncio.run(story())
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["param"] == param
    assert told in answer.json()["error"]["message"]


def test_a_named_tool_must_be_there_and_a_model_must_know_tools() -> None:
    model = _model()
    model.knows_tools = False  # type: ignore[attr-defined]
    tool = {"type": "function", "function": {"name": "look"}}

    async def story() -> list[str]:
        async with in_process({"llm": model}) as client:
            other = {"type": "function", "function": {"name": "see"}}
            answers = [
                await _ask(client, tools=[tool], tool_choice=other),
                await _ask(client, tools=[tool], tool_choice="required"),
            ]
            return [answer.json()["error"]["message"] for answer in answers]

    unknown, demanded = asyncio.run(story())
    assert unknown == "tool_choice.function.name is see; it must be one of look"
    assert "this model knows none" in demanded


def test_bodies_that_are_no_json_object() -> None:
    async def story() -> list[tuple[int, str]]:
        async with in_process() as client:
            found = []
            for content in (b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"messages": NaN}', b"1" * 5000):
                answer = await client.post(
                    "/chat/completions", content=content, headers={"content-type": "application/json"}
                )
                found.append((answer.status_code, answer.json()["error"]["type"]))
            form = await client.post("/chat/completions", data={"a": "b"})
            large = await client.post("/chat/completions", json={"messages": "x" * 2**23})
            return [*found, (form.status_code, form.json()["error"]["code"]), (large.status_code, "")]

    *broken, form, large = asyncio.run(story())
    assert set(broken) == {(400, "invalid_request_error")}
    assert form == (415, "unsupported_media_type")
    assert large[0] == 413


# --- models ------------------------------------------------------------------------------------------------------------


def test_the_models_are_the_agent_and_those_of_its_stages() -> None:
    async def story() -> tuple[Any, Any, httpx.Response]:
        async with in_process(without=("vad",)) as client:
            listed, one = await client.get("/models"), await client.get("/models/asr-model")
            return listed.json(), one.json(), await client.get("/models/whisper-1")

    listed, one, unknown = asyncio.run(story())
    assert [model["id"] for model in listed["data"]] == [
        AGENT,
        "asr-model",
        "llm-model",
        "tts-model",
        "diarization-model",
    ]
    assert one in listed["data"]
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")


def test_a_model_of_another_stage_or_of_openai_is_not_found() -> None:
    async def story() -> list[httpx.Response]:
        async with in_process() as client:
            file = {"file": ("a", wav(tone(0.2)))}
            return [
                await _ask(client, model="gpt-4o"),
                await _ask(client, model="asr-model"),
                await client.post("/audio/speech", json={"input": "Hi.", "model": "tts-1"}),
                await client.post("/audio/transcriptions", files=file, data={"model": "whisper-1"}),
            ]

    answers = asyncio.run(story())
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(404, "model_not_found")}
    assert answers[0].json()["error"]["message"] == "model is 'gpt-4o'; it must be one of hello, llm-model"


# --- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
def test_an_engine_that_fails_is_a_server_error_with_its_message(streamed: bool) -> None:
    model = _model()
    model.fails = EngineError("out of memory")

    async def story() -> httpx.Response:
        async with in_process({"llm": model}) as client:
            return await _ask(client, stream=streamed)

    answer = asyncio.run(story())
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "server_error"
    assert "out of memory" in answer.json()["error"]["message"]


def test_a_conversation_that_is_too_long_is_the_clients_fault() -> None:
    model = _model()
    model.fails = EngineError("the request exceeds the available context size, try increasing it")

    async def story() -> httpx.Response:
        async with in_process({"llm": model}) as client:
            return await _ask(client)

    answer = asyncio.run(story())
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_an_engine_that_hangs_and_a_bug_of_ours() -> None:
    hanging, broken = _model(), _model()
    hanging.seconds = 10
    broken.answer_of = lambda _: 1 / 0  # type: ignore[assignment,return-value]

    async def story() -> tuple[httpx.Response, httpx.Response]:
        async with in_process({"llm": hanging}, limits=Limits(max_batch=1, hang_seconds=0.05)) as client:
            hung = await _ask(client)
        async with in_process({"llm": broken}) as client:
            return hung, await _ask(client)

    hung, bug = asyncio.run(story())
    assert (hung.status_code, hung.json()["error"]["code"]) == (504, "timeout")
    assert bug.status_code == 502


def test_who_comes_to_a_full_queue_is_told_when_to_try_again() -> None:
    model = _model()
    model.seconds = 0.3

    async def story() -> list[httpx.Response]:
        async with in_process({"llm": model}, limits=Limits(max_batch=1, max_queue=1)) as client:
            return await asyncio.gather(*(_ask(client, stream=bool(index % 2)) for index in range(4)))

    answers = sorted(asyncio.run(story()), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [200, 200, 503, 503]
    assert answers[-1].json()["error"]["code"] == "overloaded"
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_a_pod_that_is_still_loading_says_so() -> None:
    async def story() -> httpx.Response:
        api = Api()
        await asyncio.gather(*(leaving for served in api.served.values() if (leaving := served.take_away())))
        transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://agent/v1") as client:
            return await _ask(client)

    answer = asyncio.run(story())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
    assert answer.headers["retry-after"] == "5"


def test_paths_and_methods_that_do_not_exist() -> None:
    async def story() -> tuple[httpx.Response, httpx.Response]:
        async with in_process() as client:
            return await client.get("/embeddings"), await client.get("/chat/completions")

    nothing, wrong = asyncio.run(story())
    assert (nothing.status_code, nothing.json()["error"]["message"]) == (404, "there is nothing at GET /v1/embeddings")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


# --- who hangs up ------------------------------------------------------------------------------------------------------


async def _until(happened: Any) -> None:
    for _ in range(200):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within 2 s")


@pytest.mark.parametrize("streamed", [False, True])
def test_hanging_up_ends_the_answer_and_gives_its_place_back(streamed: bool) -> None:
    model = _model("word " * 1000)
    model.word_seconds = 0.02

    async def story() -> str:
        async with over_loopback({"llm": model}, limits=Limits(max_batch=1)) as client:
            asking = asyncio.create_task(_ask(client, stream=streamed))
            await _until(lambda: model.chats)
            asking.cancel()
            await _until(lambda: model.cancelled == 1)
            model.answer_of = lambda _: "Free again."
            return str((await _ask(client)).json()["choices"][0]["message"]["content"])

    assert asyncio.run(story()) == "Free again."


def test_a_reader_who_is_slow_keeps_no_place_at_the_engine() -> None:
    voice = ScriptedVoice(0, 1)
    body = {"input": "A long text. " * 300, "response_format": "pcm"}

    async def story() -> int:
        async with (
            over_loopback({"tts": voice}, limits=Limits(max_batch=1)) as client,
            client.stream("POST", "/audio/speech", json=body) as slow,
        ):
            assert slow.status_code == 200
            await _until(lambda: sum(map(len, voice.said)) > 3000)
            return (await client.post("/audio/speech", json={"input": "Hi.", "response_format": "pcm"})).status_code

    assert asyncio.run(story()) == 200
