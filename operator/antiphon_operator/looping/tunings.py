"""Between what the brain says, a Setting, and what pods are told, a Tuning for each group. Pure."""

from __future__ import annotations

from antiphon_crds.control import Features, StageTuning, Tuning
from antiphon_operator.operate.judging import Wish
from antiphon_operator.rendering.plan import AgentPlan
from antiphon_policies.deciding.habits import PLAIN, SPECULATIVE
from antiphon_policies.facts import AgentFacts, Setting, StageFacts, StageSetting


def setting_in_force(facts: AgentFacts, plan: AgentPlan) -> Setting:
    """What the agent's pods are wanted to run with now. What a tuning leaves out is as pods have it by themselves."""
    tuned = {tuning.stage: tuning for group in plan.groups for tuning in group.tuning.stages}
    return Setting(
        stages={stage.stage: _stage_setting(stage, tuned.get(stage.stage)) for stage in facts.stages},
        replicas={group.group.name: group.replicas for group in plan.groups},
        mode=_mode_in_force(facts, [group.tuning for group in plan.groups]),
    )


def wishes(facts: AgentFacts, plan: AgentPlan, setting: Setting) -> dict[str, Wish]:
    """By group. Load steps choose the batch inside the pod: a cap would go before them, and is left out."""
    stepped = {resolved.stage for resolved in plan.resolution.stages if resolved.spec.load_steps}
    found = {}
    for group in facts.groups:
        stages = [
            StageTuning(
                stage=stage.stage,
                variant=setting.stages[stage.stage].variant,
                max_batch=None if stage.stage in stepped else setting.stages[stage.stage].cap,
            )
            for stage in facts.stages
            if stage.group == group.name
        ]
        replicas = setting.replicas.get(group.name) if facts.scales else None
        found[group.name] = Wish(replicas, Tuning(generation=0, stages=stages, features=_features(facts, setting.mode)))
    return found


def _stage_setting(stage: StageFacts, tuned: StageTuning | None) -> StageSetting:
    names = {variant.name: variant for variant in stage.variants}
    chosen = names.get(tuned.variant or "") if tuned else None
    variant = chosen or stage.variants[0]
    cap = tuned.max_batch if tuned and tuned.max_batch else min(variant.max_batch, stage.most)
    return StageSetting(variant.name, cap)


def _mode_in_force(facts: AgentFacts, tunings: list[Tuning]) -> str:
    plain = any(tuning.features.speculative_asr is False for tuning in tunings)
    names = [mode.name for mode in facts.modes]
    return PLAIN if plain and PLAIN in names else names[0]


def _features(facts: AgentFacts, mode: str) -> Features:
    """Nothing is said of what can't be switched."""
    if len(facts.modes) < 2:
        return Features()
    spoken = mode == SPECULATIVE
    speculating = next(one.calls for one in facts.modes if one.name == SPECULATIVE)
    return Features(speculative_asr=spoken, speculative_llm=spoken if "llm" in speculating else None)
