"""What else an agent could run with, one thing changed at a time, and what that is predicted to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from antiphon_policies.facts import Setting, StageFacts, StageSetting
from antiphon_policies.planning.asking import Alternative, Ask
from antiphon_policies.planning.choices import Choices, caps_up_to, choices_of, largest_cap
from antiphon_policies.planning.judging import KEPT, score
from antiphon_policies.predicting.turn import predict

AS_IT_IS = "as it is"


def alternatives(ask: Ask) -> tuple[Alternative, ...]:
    """First staying as it is; then each stage's next better and worse variant, its cap up and down, one replica more and
    fewer of each group, and the other modes. Also what the policy does not permit: it shows what that costs."""
    choices = choices_of(ask)
    current = known(ask)
    considered = [(AS_IT_IS, current), *_variants(ask, current), *_caps(ask, current)]
    considered += [*_replicas(choices, current), *_modes(ask, current)]
    return tuple(_alternative(choices, what, setting) for what, setting in considered)


def known(ask: Ask) -> Setting:
    """The current setting, in what the facts know: the best of what is not told, or may not run any more."""
    facts, current = ask.facts, ask.current
    replicas = current.replicas if ask.serving is None else ask.serving
    modes = [mode.name for mode in facts.modes]
    return Setting(
        {stage.stage: _known_stage(stage, current.stages.get(stage.stage)) for stage in facts.stages},
        {group.name: replicas.get(group.name, max(1, group.min_replicas)) for group in facts.groups},
        current.mode if current.mode in modes else modes[0],
    )


def _known_stage(stage: StageFacts, now: StageSetting | None) -> StageSetting:
    place = next((place for place, each in enumerate(stage.variants) if now and each.name == now.variant), 0)
    largest = largest_cap(stage, place)
    return StageSetting(stage.variants[place].name, largest if now is None else max(1, min(now.cap, largest)))


def _variants(ask: Ask, current: Setting) -> Iterator[tuple[str, Setting]]:
    for stage in ask.facts.stages:
        now = current.stages[stage.stage]
        place = next(place for place, each in enumerate(stage.variants) if each.name == now.variant)
        for other in (place - 1, place + 1):
            if 0 <= other < len(stage.variants):
                variant = stage.variants[other]
                changed = StageSetting(variant.name, min(now.cap, largest_cap(stage, other)))
                yield f"{stage.stage} {variant.name} instead of {now.variant}", _with_stage(current, stage, changed)


def _caps(ask: Ask, current: Setting) -> Iterator[tuple[str, Setting]]:
    for stage in ask.facts.stages:
        now = current.stages[stage.stage]
        place = next(place for place, each in enumerate(stage.variants) if each.name == now.variant)
        caps = caps_up_to(largest_cap(stage, place))
        fewer, more = [cap for cap in caps if cap < now.cap], [cap for cap in caps if cap > now.cap]
        for cap in (*more[:1], *fewer[-1:]):
            changed = StageSetting(now.variant, cap)
            yield f"at most {cap} at once in {stage.stage} instead of {now.cap}", _with_stage(current, stage, changed)


def _replicas(choices: Choices, current: Setting) -> Iterator[tuple[str, Setting]]:
    for group in choices.ask.facts.groups:
        now = current.replicas[group.name]
        for count in (now + 1, now - 1):
            if max(1, group.min_replicas) <= count <= group.max_replicas:
                replicas = {**current.replicas, group.name: count}
                word = "replica" if count == 1 else "replicas"
                yield f"{count} {word} of {group.name} instead of {now}", replace(current, replicas=replicas)


def _modes(ask: Ask, current: Setting) -> Iterator[tuple[str, Setting]]:
    for mode in ask.facts.modes:
        if mode.name != current.mode:
            yield f"mode {mode.name} instead of {current.mode}", replace(current, mode=mode.name)


def _with_stage(current: Setting, stage: StageFacts, changed: StageSetting) -> Setting:
    return replace(current, stages={**current.stages, stage.stage: changed})


def _alternative(choices: Choices, what: str, setting: Setting) -> Alternative:
    facts = choices.ask.facts
    counts = tuple(setting.replicas[group.name] for group in facts.groups)
    serving = {group: max(1, count) for group, count in setting.replicas.items()}
    kept = score(choices, predict(facts, setting, choices.load, serving), serving) <= KEPT
    places = [
        next(place for place, each in enumerate(stage.variants) if each.name == setting.stages[stage.stage].variant)
        for stage in facts.stages
    ]
    return Alternative(
        what=what,
        setting=setting,
        prediction=predict(facts, setting, choices.ask.load, serving),
        feasible=kept and choices.affordable(counts),
        cost_per_hour=choices.cost(counts),
        quality=choices.quality(places),
    )
