"""Small valid objects to build tests from."""

from __future__ import annotations

from typing import Any

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.voicemodel import VoiceModel


def agent(**spec: Any) -> VoiceAgent:
    """A cascade of vad, asr and llm, with `spec` on top."""
    pipeline = {"vad": {"model": "vad-model"}, "asr": {"model": "asr-model"}, "llm": {"model": "llm-model"}}
    return VoiceAgent.model_validate(
        {"metadata": {"name": "hello"}, "spec": {"pipeline": pipeline, "slaPolicy": "promise", **spec}}
    )


def policy(*objectives: dict[str, Any], **spec: Any) -> SLAPolicy:
    first = {"name": "turn-p95", "indicator": "turn", "percentile": 95, "targetMs": 450}
    return SLAPolicy.model_validate(
        {"metadata": {"name": "promise"}, "spec": {"objectives": list(objectives) or [first], **spec}}
    )


def variant(name: str, **more: Any) -> dict[str, Any]:
    profile = {
        "hardware": "cpu",
        "alphaMs": 1,
        "betaMs": 1,
        "item": "item",
        "basis": "Projected",
        "origin": "made up for a test",
    }
    return {"name": name, "engine": "emulated", "memory": {"host": "1Gi"}, "profiles": [profile], **more}


def model(stage: str, *variants: dict[str, Any], name: str | None = None) -> VoiceModel:
    return VoiceModel.model_validate(
        {
            "metadata": {"name": name or f"{stage}-model"},
            "spec": {"stage": stage, "license": "none", "variants": list(variants) or [variant("only")]},
        }
    )


def pool(**spec: Any) -> GPUPool:
    return GPUPool.model_validate({"metadata": {"name": "pool"}, "spec": {"nodeSelector": {"gpu": "yes"}, **spec}})
