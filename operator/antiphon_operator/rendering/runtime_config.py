"""The configuration of a group's pods."""

from __future__ import annotations

import re
from typing import Any

import orjson

from antiphon_crds.pipeline import Concurrency
from antiphon_crds.placement import PlacementGroup
from antiphon_crds.runtime_config import (
    Identity,
    Machine,
    ModelConfig,
    RuntimeConfig,
    Server,
    SessionLimits,
    StageConfig,
    StageOptions,
    Telemetry,
    TrialConfig,
)
from antiphon_operator import names
from antiphon_operator.kube.resources import CONFIG_MAPS
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.digest import digest
from antiphon_operator.rendering.group_stages import local_stages, remote_stages, variants_in
from antiphon_operator.rendering.live_part import fitting
from antiphon_operator.rendering.owned import child
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan, RenderSettings
from antiphon_policies.resolution import ResolvedStage

_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON has as it is in a text, and YAML reads as the end of a line or refuses."""


def config_map(plan: AgentPlan, group_plan: GroupPlan, config: RuntimeConfig) -> Obj:
    group = group_plan.group.name
    content = {"data": {names.CONFIG_KEY: as_text(config)}}
    return child(plan, CONFIG_MAPS, names.child_name(plan.name, group), content, group=group)


def runtime_config(plan: AgentPlan, group_plan: GroupPlan, settings: RenderSettings) -> RuntimeConfig:
    """Without paths and addresses of the pod, which are given by its arguments, and without what tuning delivers."""
    spec, group = plan.resolution.agent.spec, group_plan.group
    return RuntimeConfig(
        identity=Identity(agent=plan.name, namespace=plan.namespace, group=group.name),
        server=Server(
            voice_port=names.VOICE_PORT,
            control_port=names.CONTROL_PORT,
            allowed_origins=spec.access.allowed_origins,
        ),
        audio=spec.audio,
        stages=_stages(plan, group_plan, settings),
        sessions=SessionLimits(
            duty_cycle=spec.sessions.duty_cycle,
            drain=spec.sessions.drain,
            idle_timeout=spec.sessions.idle_timeout,
            max_duration=spec.sessions.max_duration,
            resume_grace=spec.sessions.resume_grace,
        ),
        machine=Machine(
            hardware=group_plan.choice.hardware,
            numa=group.topology.numa,
            offline=spec.runtime.model_cache.image is not None,
        ),
        telemetry=Telemetry(log_level=spec.runtime.log_level, traces_endpoint=spec.runtime.traces_endpoint),
        tuning=fitting(group_plan.tuning, group, plan.resolution, group_plan.choice),
    )


def as_document(config: RuntimeConfig) -> dict[str, Any]:
    """Without defaults: a field that a newer contract adds changes nothing here, and so restarts no pod."""
    data = config.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    return {"apiVersion": config.api_version, "kind": config.kind, **data}


def as_text(config: RuntimeConfig) -> str:
    """JSON that is YAML: whatever a text looks like, it is read back as a text."""
    text = orjson.dumps(as_document(config), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    return _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def restart_digest(config: RuntimeConfig) -> str:
    """Of what a running pod can't take over: all but tuning, the variant to start with, and the order of variants.

    How good a variant was measured to be is left out too: the runtime does not ask.
    """
    document = as_document(config)
    document.pop("tuning", None)
    for stage in document["stages"]:
        stage.pop("variant", None)
        stage["variants"] = sorted(stage.get("variants", ()), key=lambda variant: str(variant["name"]))
        for model in (stage, stage.get("trial"), stage.get("turnEnd")):
            for variant in (model or {}).get("variants", ()):
                variant.pop("quality", None)
    return digest(document)


def _stages(plan: AgentPlan, group_plan: GroupPlan, settings: RenderSettings) -> list[StageConfig]:
    """In the order of the pipeline."""
    group, resolution = group_plan.group, plan.resolution
    stages = {resolved.stage: _local(group_plan, resolved) for resolved in local_stages(group, resolution)}
    for resolved, serving in remote_stages(group, resolution):
        stages[resolved.stage] = _remote(resolved, _url(plan, serving, settings))
    return [stages[resolved.stage] for resolved in resolution.stages if resolved.stage in stages]


def _local(group_plan: GroupPlan, resolved: ResolvedStage) -> StageConfig:
    spec, variants = resolved.spec, variants_in(group_plan.group, resolved, group_plan.choice)
    return StageConfig(
        stage=resolved.stage,
        model=resolved.model.metadata.name,
        variants=variants,
        variant=variants[0].name,
        options=_options(resolved),
        concurrency=_without_queue(spec.concurrency),
        load_steps=spec.load_steps,
        switchable=spec.switchable,
        trial=_trial(resolved),
        turn_end=_turn_end(resolved),
    )


def _remote(resolved: ResolvedStage, url: str) -> StageConfig:
    """How it is run is the business of the pods that run it."""
    return StageConfig(stage=resolved.stage, model=resolved.model.metadata.name, remote=url, options=_options(resolved))


def _options(resolved: ResolvedStage) -> StageOptions:
    options = getattr(resolved.spec, "options")  # noqa: B009 (every kind of stage has its own)
    return StageOptions(**{resolved.stage: options}) if options != type(options)() else StageOptions()


def _without_queue(concurrency: Concurrency) -> Concurrency:
    return concurrency.model_copy(update={"max_queue": None})


def _trial(resolved: ResolvedStage) -> TrialConfig | None:
    trial = resolved.trial
    if trial is None or resolved.spec.trial is None:
        return None
    name = trial.model.metadata.name
    return TrialConfig(model=name, variants=list(trial.variants), share=resolved.spec.trial.share)


def _turn_end(resolved: ResolvedStage) -> ModelConfig | None:
    turn_end = resolved.turn_end
    return ModelConfig(model=turn_end.model.metadata.name, variants=list(turn_end.variants)) if turn_end else None


def _url(plan: AgentPlan, group: PlacementGroup, settings: RenderSettings) -> str:
    domain = f".{settings.cluster_domain}" if settings.cluster_domain else ""
    service = names.group_service_name(plan.name, group.name)
    return f"http://{service}.{plan.namespace}.svc{domain}:{names.VOICE_PORT}"
