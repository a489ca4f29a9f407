"""The agent that all autoscalers are compared on: the emulated cascade with the `conversational` policy.

A replica is one partition on which the stages take turns. Service times are those of policies/models-emulated.yaml, whose
variants name no quality: each place in the order of variants counts as 5 % (deciding/agent_facts.py).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.voicemodel import VoiceModel
from antiphon_policies.deciding.agent_facts import Ground, agent_facts
from antiphon_policies.facts import AgentFacts
from antiphon_policies.resolution import Catalog, resolve

PRESETS = Path(__file__).parents[2] / "policies"
MOST_REPLICAS = 12
MOST_SESSIONS = 32
"""Of a replica. With the quickest variants it keeps the p95 up to about 28, with the best up to about 11."""
START_SECONDS = 40.0
HARDWARE = "b200-180gb"
AGENT: dict[str, Any] = {
    "apiVersion": "antiphon.dev/v1alpha1",
    "kind": "VoiceAgent",
    "metadata": {"name": "compared-cascade"},
    "spec": {
        "pipeline": {
            "vad": {"model": "silero-vad"},
            "asr": {"model": "emulated-whisper"},
            "llm": {"model": "emulated-mixtral"},
            "tts": {"model": "emulated-styletts2"},
        },
        "slaPolicy": "conversational",
        "scaling": {"minReplicas": 1, "maxReplicas": MOST_REPLICAS},
    },
}


@cache
def compared_cascade() -> AgentFacts:
    catalog = Catalog(
        {
            policy.metadata.name: policy
            for policy in map(SLAPolicy.model_validate, _documents("sla-conversational.yaml"))
        },
        {model.metadata.name: model for model in map(VoiceModel.model_validate, _models())},
    )
    ground = Ground(
        HARDWARE, HARDWARE, start_seconds=START_SECONDS, sessions_per_replica=MOST_SESSIONS, shares_device=True
    )
    return agent_facts(resolve(VoiceAgent.model_validate(AGENT), catalog), {"main": ground})


def _models() -> list[Any]:
    return [*_documents("models-emulated.yaml"), *_documents("models-cpu.yaml")]


def _documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((PRESETS / name).read_text(encoding="utf-8")))
