"""What a group needs of a GPU."""

from __future__ import annotations

from gpu_nodes import example, gpu_variant, llm_group, llm_resolution
from objects import model

from antiphon_crds.agent import VoiceAgent
from antiphon_operator.placing.needs import needs_of
from antiphon_policies.resolution import Catalog, Resolution, resolve

GIB = 2**30


def _with_trial_and_judge() -> Resolution:
    pipeline = {
        "vad": {"model": "vad-model", "turnEndModel": "judge"},
        "llm": {"model": "llm-model", "trial": {"model": "other", "variants": ["small"], "share": 0.1}},
    }
    spec = {"pipeline": pipeline, "scaling": {"mode": "External"}}
    hears = {"audioInput": True}
    models = {
        "vad-model": model("vad"),
        "judge": model("vad", gpu_variant("judge", 1), name="judge"),
        "llm-model": model("llm", {**gpu_variant("large", 8), "capabilities": hears}, gpu_variant("small", 4)),
        "other": model("llm", gpu_variant("large", 32), gpu_variant("small", 2), name="other"),
    }
    return resolve(VoiceAgent.model_validate({"metadata": {"name": "a"}, "spec": spec}), Catalog(models=models))


def test_models_on_trial_and_judges_of_turns_lie_beside() -> None:
    resolution = _with_trial_and_judge()
    needs = needs_of(resolution.groups[0], resolution)
    assert needs.total_bytes == (8 + 2 + 1) * GIB
    assert needs.each_gpu_bytes == needs.total_bytes + needs.total_bytes // 10
    assert needs.smallest().total_bytes == (4 + 2 + 1) * GIB
    assert needs.without_gpu() is None


def test_a_group_narrows_its_variants_and_counts_its_own_stages_only() -> None:
    variants = [{"stage": "llm", "names": ["small"]}]
    resolution = llm_resolution(
        gpu_variant("large", 8), gpu_variant("small", 4), placement=llm_group(variants=variants)
    )
    assert needs_of(resolution.groups[0], resolution).total_bytes == 4 * GIB
    face = example("face")
    assert [resident.model for resident in needs_of(face.groups[1], face).residents] == ["musetalk"]


def test_a_spread_variant_takes_an_equal_part_of_each_gpu() -> None:
    resolution = llm_resolution(gpu_variant("tp4", 80, gpus=4, per_session="4Gi"), sessions={"maxPerReplica": 5})
    needs = needs_of(resolution.groups[0], resolution)
    assert (needs.spread, needs.each_gpu_bytes) == (4, int(25 * 1.1 * GIB))
    assert not needs.fit(None, 3)
    assert needs.fit(needs.each_gpu_bytes, 4)


def test_the_one_that_frees_most_gives_up_first() -> None:
    face = example("face")
    needs = needs_of(face.groups[0], face)
    reduced = needs.reduced(17 * GIB, 0)
    assert needs.each_gpu_bytes > 17 * GIB
    assert needs.reduced(16 * GIB, 0) is None
    assert reduced is None, "the smallest: 3 + 9.5 + 0.5 + 2.5 GiB and a tenth are 17.05"
    assert (needs.reduced(18 * GIB, 0) or needs).names["asr"] == ("large-v3-int8", "medium-int8")
    fewer = needs.reduced(int(17.1 * GIB), 0)
    assert fewer is not None
    assert fewer.names["asr"] == ("medium-int8",)
