"""What callers may name as `model`.

The agent's own name, or nothing, means the agent: its stages, with its instructions where the caller brings none. The
name of a VoiceModel means that model alone, on the stage that it serves; so a model on trial can be asked for too. Any
other name, OpenAI's included, is refused as OpenAI does: 404 `model_not_found`. A caller who hears "whisper-1" answered
would believe that it was whisper-1.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel

from antiphon_crds.stages import Stage
from antiphon_runtime.realtime.errors import shown
from antiphon_runtime.server.http_api.declared import EMULATED_HEADER, failures
from antiphon_runtime.server.http_api.errors import ApiError, not_ready
from antiphon_runtime.stages.cast import Stages
from antiphon_runtime.stages.served import Served
from antiphon_runtime.stages.working import Working

W = TypeVar("W", bound=Working[Any])
_OWNER = "antiphon"


class ModelCard(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    """When this pod began, in seconds since 1970."""
    owned_by: str = _OWNER


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelCard]


class AgentModels:
    def __init__(self, stages: Stages, agent: str) -> None:
        self._stages = stages
        self._agent = agent
        self._created = int(time.time())

    def is_agent(self, model: str | None) -> bool:
        return model in (None, "", self._agent)

    def cards(self) -> list[ModelCard]:
        names = [served.model for served in self._stages.all_served()]
        return [ModelCard(id=name, created=self._created) for name in dict.fromkeys([self._agent, *names])]

    def card(self, model: str) -> ModelCard:
        found = next((card for card in self.cards() if card.id == model), None)
        if found is None:
            raise self._unknown(model, [card.id for card in self.cards()])
        return found

    def served(self, stage: Stage, model: str | None, wanted_for: str) -> Served[Any]:
        """Raises ApiError where the agent has no such stage, or the stage no such model."""
        part = next((part for part in self._stages if part.config.stage == stage), None)
        if part is None:
            raise ApiError(
                f"this agent has no stage {stage}, which {wanted_for} needs", status=404, code="stage_not_found"
            )
        if self.is_agent(model):
            return part.served
        known = [part.served] if part.trial is None else [part.served, part.trial]
        for served in known:
            if served.model == model:
                return served
        raise self._unknown(model, [self._agent, *(served.model for served in known)])

    @staticmethod
    def _unknown(model: str | None, known: list[str]) -> ApiError:
        return ApiError(
            f"model is {shown(model)}; it must be one of {', '.join(dict.fromkeys(known))}",
            status=404,
            code="model_not_found",
            param="model",
        )


@asynccontextmanager
async def leased(served: Served[W]) -> AsyncIterator[W]:
    """Waits while variants are switched, not while the pod starts."""
    if served.current is None and served.switching_to is None:
        raise not_ready(served.config.stage)
    async with served.lease() as working:
        yield working


def emulated_header(*workings: Working[Any] | None) -> dict[str, str]:
    names = [working.stage for working in workings if working is not None and working.engine.emulated]
    return {EMULATED_HEADER: ", ".join(names)} if names else {}


def models_api(models: AgentModels) -> APIRouter:
    router = APIRouter(tags=["models"])

    @router.get("/models", operation_id="list_models", responses=failures(401, 500))
    async def list_models() -> ModelList:
        """The agent, and the models of its stages."""
        return ModelList(data=models.cards())

    @router.get("/models/{model}", operation_id="retrieve_model", responses=failures(401, 404, 500))
    async def retrieve_model(model: str) -> ModelCard:
        """One of them."""
        return models.card(model)

    return router
