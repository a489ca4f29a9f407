"""All of OpenAI's HTTP API that the agent serves. What may be named as `model`: see agent_models."""

from __future__ import annotations

from fastapi import APIRouter

from antiphon_crds.runtime_config import RuntimeConfig
from antiphon_runtime.server.http_api.agent_models import AgentModels, models_api
from antiphon_runtime.server.http_api.chat import chat_api
from antiphon_runtime.server.http_api.speech import speech_api
from antiphon_runtime.server.http_api.transcriptions import transcriptions_api
from antiphon_runtime.stages.cast import Stages
from antiphon_runtime.voice.defaults import agent_options


def voice_api(stages: Stages, config: RuntimeConfig) -> APIRouter:
    """Made on the event loop. The app needs `errors.add_error_handlers` too."""
    models, options = AgentModels(stages, config.identity.agent), agent_options(config)
    router = APIRouter(prefix="/v1")
    router.include_router(models_api(models))
    router.include_router(chat_api(models, options))
    router.include_router(speech_api(models, options))
    router.include_router(transcriptions_api(models, options))
    return router
