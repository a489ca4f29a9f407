"""What several objects say together: names that resolve, and what does not fit."""

from __future__ import annotations

from typing import Any

import pytest
from objects import agent, model, policy, pool, variant

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.voicemodel import VoiceModel
from antiphon_policies.resolution import Catalog, Resolution, resolve


def _catalog(*objects: SLAPolicy | VoiceModel | GPUPool) -> Catalog:
    every = [policy(), model("vad"), model("asr"), model("llm"), *objects]
    return Catalog(
        {found.metadata.name: found for found in every if isinstance(found, SLAPolicy)},
        {found.metadata.name: found for found in every if isinstance(found, VoiceModel)},
        {found.metadata.name: found for found in every if isinstance(found, GPUPool)},
    )


def _messages(resolution: Resolution) -> list[str]:
    return [finding.message for finding in resolution.findings]


def _group(**more: Any) -> dict[str, Any]:
    return {"groups": [{"name": "all", "stages": ["vad", "asr", "llm"], **more}]}


def test_everything_fits() -> None:
    resolution = resolve(agent(), _catalog())
    assert resolution.findings == ()
    assert [(found.stage, found.variants[0].name) for found in resolution.stages] == [
        ("vad", "only"),
        ("asr", "only"),
        ("llm", "only"),
    ]
    assert [(group.name, group.stages, group.partition.profile) for group in resolution.groups] == [
        ("main", ["vad", "asr", "llm"], "auto")
    ]


def test_names_that_are_not_there_are_missing_and_nothing_else() -> None:
    placement = _group(pool="pool")
    resolution = resolve(agent(placement=placement), Catalog())
    assert _messages(resolution) == [
        "there is no SLAPolicy promise",
        "there is no GPUPool pool",
        "there is no VoiceModel vad-model",
        "there is no VoiceModel asr-model",
        "there is no VoiceModel llm-model",
    ]
    assert all(finding.missing for finding in resolution.findings)


@pytest.mark.parametrize(
    ("subject", "objects", "expected"),
    [
        (
            agent(objectives=[{"name": "turn-p95", "indicator": "turn", "percentile": 95, "targetMs": 500}]),
            [],
            "turn-p95 with 500 loosens turn-p95 of policy promise; an agent may only tighten it: use 450 or stricter",
        ),
        (
            agent(objectives=[{"name": "mine", "indicator": "turn", "percentile": 95, "targetMs": 451}]),
            [],
            "mine with 451 loosens turn-p95 of policy promise; an agent may only tighten it: use 450 or stricter",
        ),
        (
            agent(objectives=[{"name": "turn-p95", "indicator": "turn", "percentile": 99, "targetMs": 400}]),
            [],
            "turn-p95 is another promise than turn-p95 of policy promise; rename it",
        ),
        (agent(), [model("tts", name="asr-model")], "VoiceModel asr-model serves stage tts, not asr"),
        (
            agent(pipeline={"vad": {"model": "vad-model"}, "llm": {"model": "llm-model", "variants": ["big", "only"]}}),
            [model("llm", variant("only", capabilities={"audioInput": True}))],
            "VoiceModel llm-model has no variant big; it has only",
        ),
        (
            agent(pipeline={"vad": {"model": "vad-model"}, "llm": {"model": "llm-model"}}),
            [],
            "there is no asr, and variants only of llm-model can't hear audio; add asr",
        ),
        (
            agent(),
            [
                policy(quality=[{"stage": "asr", "metric": "wer", "max": 0.05}]),
                model("asr", variant("only", quality=[{"metric": "wer", "value": 0.08, "dataset": "x"}])),
            ],
            "no allowed variant of asr-model meets the policy's floor (wer <= 0.05); allow a better one",
        ),
        (
            agent(placement=_group(partition={"profile": "none"})),
            [model("llm", variant("big", memory={"gpu": "16Gi", "host": "2Gi"}))],
            "no allowed variant of llm-model fits into group all: big needs 16Gi of GPU memory and the group has no GPU",
        ),
        (
            agent(placement=_group(partition={"memory": "10Gi"})),
            [model("llm", variant("big", memory={"gpu": "16Gi", "host": "2Gi"}))],
            "no allowed variant of llm-model fits into group all: big needs 16Gi of GPU memory and the partition has 10Gi",
        ),
        (
            agent(placement=_group(partition={"gpus": 2})),
            [model("llm", variant("wide", memory={"gpu": "90Gi", "host": "2Gi"}, gpus=4))],
            "no allowed variant of llm-model fits into group all: wide needs 4 GPUs and the group has 2",
        ),
        (
            agent(placement=_group(variants=[{"stage": "llm", "names": ["small"]}])),
            [],
            "group all narrows llm to small, none of which may run",
        ),
        (
            agent(
                pipeline={"vad": {"model": "vad-model", "turnEndModel": "asr-model"}, "asr": {"model": "asr-model"}},
            ),
            [],
            "VoiceModel asr-model serves stage asr, not vad",
        ),
        (
            agent(audio={"playbackDelayMs": 25}),
            [policy({"name": "ear", "indicator": "mouthToEar", "percentile": 95, "targetMs": 200})],
            (
                "25 ms are held back before they are played, and the budget of policy promise has 20 ms for playback;"
                " hold back less, or raise budget.playbackMs"
            ),
        ),
        (
            agent(placement=_group(pool="pool")),
            [pool(onlyAgentsOf=["team-a"])],
            "pool pool is only for agents of team-a",
        ),
    ],
)
def test_what_does_not_fit(subject: VoiceAgent, objects: list[Any], expected: str) -> None:
    resolution = resolve(subject, _catalog(*objects))
    assert _messages(resolution) == [expected]
    assert not any(finding.missing for finding in resolution.findings)


def test_variants_below_a_floor_are_left_out_and_unmeasured_ones_kept() -> None:
    floors = policy(quality=[{"stage": "asr", "metric": "wer", "max": 0.05}])
    models = model(
        "asr",
        variant("good", quality=[{"metric": "wer", "value": 0.04, "dataset": "x"}]),
        variant("poor", quality=[{"metric": "wer", "value": 0.06, "dataset": "x"}]),
        variant("unknown"),
    )
    resolution = resolve(agent(), _catalog(floors, models))
    assert [found.name for found in resolution.stages[1].variants] == ["good", "unknown"]


def test_a_floor_on_one_dataset_judges_by_that_alone() -> None:
    quality = [
        {"metric": "wer", "value": 0.01, "dataset": "clean"},
        {"metric": "wer", "value": 0.09, "dataset": "noisy"},
    ]
    models = model("asr", variant("only", quality=quality))
    floor = {"stage": "asr", "metric": "wer", "max": 0.05}
    assert resolve(agent(), _catalog(policy(quality=[{**floor, "dataset": "clean"}]), models)).findings == ()
    assert len(resolve(agent(), _catalog(policy(quality=[floor]), models)).findings) == 1


def test_one_variant_that_fits_is_enough() -> None:
    models = model("llm", variant("big", memory={"gpu": "16Gi", "host": "2Gi"}), variant("small"))
    resolution = resolve(agent(placement=_group(partition={"profile": "none"})), _catalog(models))
    assert resolution.findings == ()
