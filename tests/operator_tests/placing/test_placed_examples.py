"""The example systems and hollow fleets: each group finds what its author meant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from gpu_nodes import RTX_PRO, catalog, choice_of, example, misfit_of, node

from antiphon_operator.objects import Obj
from antiphon_operator.placing.place import CPU_ONLY, ClusterView
from antiphon_sandbox.nodes.fleet import load_fleet
from antiphon_sandbox.nodes.node_objects import node_object

FLEETS = Path(__file__).parents[3] / "operator" / "antiphon_sandbox" / "fleets"


def _fleet(name: str) -> tuple[Obj, ...]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return tuple(node_object(one, "10.0.0.1", now) for one in load_fleet(FLEETS / f"{name}.yaml").nodes)


def _view(*nodes: Obj) -> ClusterView:
    return ClusterView(nodes, catalog().pools)


B200 = node("b200", "NVIDIA-B200", gpu=8)
RTX = node("rtx", RTX_PRO, mig_1g_24gb=4)


def test_the_cascade_has_whole_gpus_by_stage() -> None:
    choices = [choice_of(example("cascade"), _view(B200), group) for group in range(3)]
    assert [choice.partition for choice in choices] == ["1 GPU", "1 GPU", "4 GPUs"]
    assert [choice.slots for choice in choices] == [8, 8, 2]
    assert {choice.hardware for choice in choices} == {"b200-180gb"}
    assert all(choice.variants == {} for choice in choices)


def test_the_emulated_cascade_runs_on_plain_nodes_and_follows_the_pools_profile() -> None:
    choice = choice_of(example("cascade-emulated"), _view(*_fleet("laptop")))
    assert (choice.partition, choice.hardware, choice.pool) == (CPU_ONLY, "b200-180gb", "emulated-b200")
    assert choice.node_selector == {"kubernetes.io/os": "linux"}


@pytest.mark.parametrize("agent", ["face", "face-listener", "face-presenter"])
def test_faces_are_drawn_on_quarters_and_the_voice_finds_the_smallest(agent: str) -> None:
    h200 = node("h200", "NVIDIA-H200", mig_1g_18gb=3, mig_1g_35gb=2)
    voice, face = (choice_of(example(agent), _view(RTX, h200), group) for group in range(2))
    assert (face.partition, face.slots, face.hardware) == ("1g.24gb", 4, "rtx-pro-6000-96gb/1g.24gb")
    assert (voice.partition, voice.pool) == ("1g.24gb", "faces"), "23.62 GiB; 1g.18gb holds only 16"
    alone = choice_of(example(agent), _view(h200))
    assert alone.partition == "1g.35gb"


def test_ten_nodes_of_sevenths_are_too_small_for_the_voice_and_say_so() -> None:
    misfit = misfit_of(example("face"), _view(*_fleet("ten-mig-nodes")))
    assert misfit.reason == "NoPartitionFits"
    for told in (
        "17.6Gi of GPU memory",
        "llama-3.1-8b fp8 10Gi",
        "whisper",
        "kokoro",
        "70 x 1g.18gb of 16Gi (NVIDIA-H200)",
    ):
        assert told in misfit.message


def test_seventy_places_for_a_small_voice() -> None:
    choice = choice_of(example("audio-llm"), _view(*_fleet("ten-mig-nodes"), B200))
    assert choice.partition == "1 GPU", "its author asks for a whole one"


def test_speech_to_speech_has_the_memory_that_it_asks_for() -> None:
    choice = choice_of(example("duplex"), _view(RTX, node("r2", RTX_PRO, mig_2g_48gb=2)))
    assert (choice.partition, choice.slots) == ("2g.48gb", 2)


def test_diarization_runs_on_cpus_and_overflows_to_a_gpu() -> None:
    cpu = node("cpu", labels={"example.com/pool": "diarization-cpu"})
    t4 = node("t4", "Tesla-T4", gpu=1)
    first, overflow = (choice_of(example("diarization"), _view(cpu, t4), group) for group in range(2))
    assert (first.partition, first.hardware) == (CPU_ONLY, "cpu-small")
    assert (overflow.partition, overflow.hardware, overflow.tolerations) == ("1 GPU", "t4-16gb", ())


def test_hello_world_needs_nothing() -> None:
    assert choice_of(example("hello-world"), ClusterView()).partition == CPU_ONLY
