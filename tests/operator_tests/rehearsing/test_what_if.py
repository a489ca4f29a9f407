"""Suppositions in words: what they change, and how they are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from rehearsed_agent import agent_file

from antiphon_operator.rehearsing.agent_files import subjects_of
from antiphon_operator.rehearsing.errors import RehearsalError
from antiphon_operator.rehearsing.what_if import Case, supposed
from antiphon_policies.simulating.scene import MetricsGone, ReplicaDies


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder: Path = tmp_path_factory.mktemp("agent")
    (subject,) = subjects_of([str(agent_file(folder))])
    return Case(subject.facts(), 30.0)


def bounds(case: Case) -> tuple[int, int]:
    (group,) = case.facts.groups
    return group.min_replicas, group.max_replicas


def test_more_sessions(case: Case) -> None:
    assert supposed(case, ["sessions x2"]).factor == 2
    assert supposed(case, ["sessions x2, sessions x1.5"]).factor == 3
    assert supposed(case, ["sessions 120"]).sessions == 120


def test_slower_starts(case: Case) -> None:
    (group,) = supposed(case, ["start 2m30s"]).facts.groups
    assert group.start_seconds == 150


def test_other_bounds_of_replicas(case: Case) -> None:
    assert bounds(case) == (1, 4)
    assert bounds(supposed(case, ["replicas 3"])) == (3, 3)
    assert bounds(supposed(case, ["maxReplicas 12"])) == (1, 12)
    assert bounds(supposed(case, ["minReplicas 6"])) == (6, 6)


def test_one_variant_alone(case: Case) -> None:
    facts = supposed(case, ["variant llm=fp8"]).facts
    assert [[variant.name for variant in stage.variants] for stage in facts.stages] == [
        ["large-fp16", "medium-fp8"],
        ["fp8"],
        ["fp32", "fp16"],
    ]


def test_what_befalls_it(case: Case) -> None:
    found = supposed(case, ["replica dies at 10m", "metrics gone at 90s for 5m"]).failures
    assert found == (ReplicaDies(600), MetricsGone(90, 390))


def test_several_at_once_and_nothing(case: Case) -> None:
    both = supposed(case, ["sessions x2, start 120s", "replicas 2"])
    assert (both.factor, both.facts.groups[0].start_seconds, bounds(both)) == (2, 120, (2, 2))
    assert supposed(case, []) == case


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("twice the traffic", ["'twice the traffic' is not understood", "sessions x2", "variant llm=fp16"]),
        ("variant llm=int4", ["llm may not run int4; allowed are fp16, fp8"]),
        ("variant speech=fp16", ["the agent has no stage speech, but asr, llm, tts"]),
        ("replicas 0", ["'replicas 0': at least 1 replica"]),
        ("start 1.2.3s", ["is no duration", "90s"]),
    ],
)
def test_refusals_name_the_words_and_what_would_be_right(case: Case, words: str, told: list[str]) -> None:
    with pytest.raises(RehearsalError) as refused:
        supposed(case, [words])
    for part in told:
        assert part in str(refused.value)
