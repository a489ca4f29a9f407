"""The stages of a configuration, put together; nothing is loaded yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from antiphon_crds.runtime_config import RuntimeConfig, StageConfig
from antiphon_crds.stages import STAGES_OF_ENGINE, Stage
from antiphon_crds.voicemodel import Memory, Variant
from antiphon_runtime.configuration import ConfigurationError
from antiphon_runtime.stages.cast import Part, Stages
from antiphon_runtime.stages.loading import KINDS
from antiphon_runtime.stages.served import Served

REMOTE = "remote"
"""Name of the variant under which a stage is run that other pods serve."""


def assemble(config: RuntimeConfig, on_unloaded: Callable[[Any], None]) -> Stages:
    """Raises ConfigurationError for a stage that this runtime can't run."""
    parts: dict[Stage, Part] = {}
    for stage in map(_local, config.stages):
        _check(stage)
        parts[stage.stage] = Part(stage, _served(stage, stage.model, on_unloaded), _trial(stage, on_unloaded))
    return Stages(parts)


def _served(stage: StageConfig, model: str, on_unloaded: Callable[[Any], None]) -> Served[Any]:
    served: Served[Any] = Served(stage, model)
    served.on_unloaded = on_unloaded
    return served


def _trial(stage: StageConfig, on_unloaded: Callable[[Any], None]) -> Served[Any] | None:
    if stage.trial is None:
        return None
    first = stage.trial.variants[0]
    own = stage.model_copy(update={"variants": stage.trial.variants, "variant": first.name})
    return _served(own, stage.trial.model, on_unloaded)


def _local(stage: StageConfig) -> StageConfig:
    """A stage of other pods is reached as any server of its kind is: by OpenAI's API."""
    if stage.remote is None:
        return stage
    if stage.stage not in STAGES_OF_ENGINE["openai"]:
        served = ", ".join(STAGES_OF_ENGINE["openai"])
        raise ConfigurationError(
            f"stages: {stage.stage} is remote ({stage.remote}); only {served} can run in other pods, as each needs one"
            " request and not one a frame. Put it into this group"
        )
    memory = Memory(host="1Mi")
    variant = Variant(name=REMOTE, engine="openai", url=stage.remote, memory=memory, options={"model": stage.model})
    return stage.model_copy(update={"remote": None, "variants": [variant], "variant": REMOTE})


def _check(stage: StageConfig) -> None:
    if stage.stage not in KINDS:
        raise ConfigurationError(f"stages: this runtime can't run stage {stage.stage}; it can run {', '.join(KINDS)}")
    if stage.turn_end is not None:
        raise ConfigurationError(
            f"stages.{stage.stage}.turnEnd is {stage.turn_end.model}; this runtime knows no model that judges the end of a"
            " turn. Leave it out, and set options.vad.semantic to judge it by what was said"
        )
