"""POST /v1/chat/completions: the agent's language model. Who hangs up ends the answer."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from antiphon_runtime.engines.protocols import Chat
from antiphon_runtime.server.http_api import declared
from antiphon_runtime.server.http_api.agent_models import AgentModels, emulated_header, leased
from antiphon_runtime.server.http_api.bodies import read_json
from antiphon_runtime.server.http_api.chat_answer import ChatCompletion, Heading, as_json, chunks, whole
from antiphon_runtime.server.http_api.chat_request import ChatRequest, check_tools, engine_messages
from antiphon_runtime.server.http_api.production import begun, unless_gone
from antiphon_runtime.server.http_api.replies import EVENTS, EVENTS_SCHEMA, events
from antiphon_runtime.stages.working import Answering
from antiphon_runtime.voice.defaults import AgentOptions

MOST_BYTES = 4 * 2**20


def chat_api(models: AgentModels, options: AgentOptions) -> APIRouter:
    router = APIRouter(tags=["chat"])

    @router.post(
        "/chat/completions",
        operation_id="create_chat_completion",
        response_model=ChatCompletion,
        responses={**declared.STAGE_FAILURES, **declared.success("The answer.", {EVENTS: EVENTS_SCHEMA})},
        openapi_extra=declared.request_body(ChatRequest, "application/json"),
    )
    async def create_chat_completion(request: Request) -> Response:
        """An answer, whole or as it is made."""
        asked = await read_json(request, ChatRequest, MOST_BYTES)
        served = models.served("llm", asked.model, "a chat completion")
        instructions = options.llm.instructions if models.is_agent(asked.model) else None
        async with AsyncExitStack() as held:
            answering = await held.enter_async_context(leased(served))
            check_tools(asked, knows_tools=getattr(answering.engine, "knows_tools", True))
            return await _answered(request, asked, answering, _chat(asked, options, instructions or ""), held.pop_all())

    return router


async def _answered(
    request: Request, asked: ChatRequest, answering: Answering, chat: Chat, held: AsyncExitStack
) -> Response:
    heading = _heading(asked, answering)
    headers = emulated_header(answering)
    if asked.stream:
        production = await begun(request, answering.answer(chat), held)
        return events(production, chunks(heading, aiter(production), with_usage=asked.includes_usage), headers)
    async with held, aclosing(answering.answer(chat)) as tokens:
        answer = await unless_gone(request, whole(heading, tokens))
    return JSONResponse(as_json(answer), headers=headers)


def _heading(asked: ChatRequest, answering: Answering) -> Heading:
    fingerprint = "emulated" if answering.engine.emulated else answering.label
    return Heading(asked.model or answering.model, fingerprint)


def _chat(asked: ChatRequest, options: AgentOptions, instructions: str) -> Chat:
    llm = options.llm
    choice = asked.tool_choice
    return Chat(
        engine_messages(asked, instructions),
        max_tokens=min(asked.most_tokens or llm.max_new_tokens, llm.max_new_tokens),
        temperature=llm.temperature if asked.temperature is None else asked.temperature,
        tools=[tool.model_dump(exclude_none=True) for tool in asked.tools or ()],
        tool_choice=choice if isinstance(choice, str) else choice.model_dump() if choice else "auto",
        stop=tuple(asked.stop or ()),
    )
