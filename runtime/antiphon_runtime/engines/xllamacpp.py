"""Any GGUF model on llama.cpp, inside this process, through xllamacpp.

The library also listens on a loopback port; it is closed to others by a key made at random. Prompts are read in small
batches, as a cancelled answer ends at the end of a batch at the latest.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import count, give_back_memory, imported, let_openmp_sleep, model_file, option
from antiphon_runtime.engines.protocols import Chat, EngineError, Token

_log = logging.getLogger(__name__)
_PROMPT_BATCH_TOKENS = 64
"""About 0.4 s on two cores. The same speed as larger ones."""
_SIMILARITY = 0.1
"""Share of a prompt that a slot must know already to be chosen for it."""


class _Answer:
    """Pieces of one answer on their way from the thread that makes them to the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[Mapping[str, Any] | BaseException | None] = asyncio.Queue()
        self.is_cancelled = False

    def put(self, piece: Mapping[str, Any] | BaseException | None) -> None:
        """From the thread. When the loop is closed nobody waits any more."""
        try:
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
        except RuntimeError:
            self.is_cancelled = True

    async def pieces(self) -> AsyncIterator[Mapping[str, Any]]:
        while (piece := await self._pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise EngineError(f"xllamacpp: {piece}") from piece
            if "error" in piece:
                raise EngineError(f"xllamacpp: {piece['error'].get('message', piece['error'])}")
            yield piece


class Xllamacpp:
    """Answers may be asked for from one event loop at a time, up to `max_batch` at once; more wait their turn."""

    name = "xllamacpp"
    emulated = False

    def __init__(self, server: Any, *, max_batch: int, knows_tools: bool) -> None:
        self.max_batch = max_batch
        self.knows_tools = knows_tools
        self._server = server
        self._threads = ThreadPoolExecutor(max_batch, thread_name_prefix="xllamacpp")

    async def answer(self, chat: Chat) -> AsyncIterator[Token]:
        body = self._body(chat)
        answer = _Answer()
        try:
            self._threads.submit(self._make, body, answer)
        except RuntimeError as error:
            raise EngineError("xllamacpp is closed") from error
        try:
            async with aclosing(_read(answer.pieces())) as tokens:
                async for token in tokens:
                    yield token
        finally:
            answer.is_cancelled = True

    def warm_up(self) -> None:
        body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "stream": True}
        self._server.handle_chat_completions(body, lambda _: False)

    def close(self) -> None:
        """After the answers under way: cancel them first."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._server = None
        give_back_memory()

    def _make(self, body: dict[str, Any], answer: _Answer) -> None:
        def take(pieces: Any) -> bool:
            """True ends it."""
            pieces = json.loads(pieces) if isinstance(pieces, bytes | str) else pieces
            for piece in pieces if isinstance(pieces, list) else [pieces]:
                answer.put(piece)
            return answer.is_cancelled

        try:
            if not answer.is_cancelled:
                self._server.handle_chat_completions(body, take)
            answer.put(None)
        except Exception as error:  # goes on to whoever waits for the answer
            answer.put(error)

    def _body(self, chat: Chat) -> dict[str, Any]:
        body: dict[str, Any] = {
            "messages": [dict(message) for message in chat.messages],
            "max_tokens": chat.max_tokens,
            "temperature": chat.temperature,
            "stop": list(chat.stop),
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,  # so that it can be cancelled between the batches of a long prompt
            "cache_prompt": True,
        }
        if not chat.tools or chat.tool_choice == "none":
            return body
        if self.knows_tools:
            return body | {"tools": [dict(tool) for tool in chat.tools], "tool_choice": chat.tool_choice}
        if chat.tool_choice != "auto":
            raise EngineError("xllamacpp: the model knows no tools, and the chat demands one")
        _log.debug("the model knows no tools; it answers without them")
        return body


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int) -> Xllamacpp:  # noqa: ARG001 (llm only)
    """Options: contextTokens of one conversation, parallel conversations, promptCacheMib for those at rest, gpuLayers."""
    let_openmp_sleep()
    library = imported("xllamacpp", variant, package="xllamacpp")
    parallel = count(variant, "parallel", 2)
    parameters = library.CommonParams()
    parameters.model.path = str(model_file(variant, folder, "*.gguf"))
    parameters.n_parallel = parallel
    parameters.n_ctx = parallel * count(variant, "contextTokens", 2048)
    parameters.n_batch = parameters.n_ubatch = count(variant, "promptBatchTokens", _PROMPT_BATCH_TOKENS)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.n_gpu_layers = option(variant, "gpuLayers", -1 if variant.memory.gpu is not None else 0)
    parameters.cache_ram_mib = option(variant, "promptCacheMib", 256)
    parameters.slot_prompt_similarity = _SIMILARITY
    parameters.verbosity = -1
    key = secrets.token_urlsafe(32)
    parameters.api_keys = [key]
    server = library.Server(parameters)
    return Xllamacpp(server, max_batch=parallel, knows_tools=_knows_tools(server.listening_address, key))


def _knows_tools(address: str, key: str) -> bool:
    """Whether the model's chat template has a place for tools."""
    if not address.startswith("http://127.0.0.1:"):
        return False
    request = urllib.request.Request(f"{address}/props", headers={"Authorization": f"Bearer {key}"})  # noqa: S310
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as reply:
        return bool(json.load(reply).get("chat_template_caps", {}).get("supports_tools"))


async def _read(pieces: AsyncIterator[Mapping[str, Any]]) -> AsyncGenerator[Token, None]:
    """OpenAI's pieces as tokens; why it ended comes with the counts, after the last piece of text."""
    finish: Any = "stop"
    async for piece in pieces:
        for choice in piece.get("choices", ()):
            finish = choice.get("finish_reason") or finish
            for token in _tokens(choice.get("delta", {})):
                yield token
        if counts := piece.get("usage"):
            yield Token(
                finish=finish, prompt_tokens=counts["prompt_tokens"], completion_tokens=counts["completion_tokens"]
            )


def _tokens(delta: Mapping[str, Any]) -> list[Token]:
    text = [Token(text=delta["content"])] if delta.get("content") else []
    return text + [Token(tool_call=call) for call in delta.get("tool_calls") or ()]
