"""From two settings to changes, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from guarded_agent import FACTS, SETTING, cap, replicas, with_stage
from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.facts import GroupFacts, Setting, StageSetting
from antiphon_policies.guarding.changes import Change
from antiphon_policies.guarding.difference import changes, inverse, with_changes

SETTINGS = st.builds(
    lambda asr, llm_name, caps, count, mode: Setting(
        {
            "asr": StageSetting(asr, caps[0]),
            "llm": StageSetting(llm_name, caps[1]),
            "tts": StageSetting("kokoro", caps[2]),
        },
        {"voice": count},
        mode,
    ),
    st.sampled_from(["large", "medium"]),
    st.sampled_from(["fp16", "fp8", "int4"]),
    st.tuples(*[st.integers(1, 64)] * 3),
    st.integers(1, 8),
    st.sampled_from(["speculative", "plain"]),
)


@given(SETTINGS, SETTINGS)
def test_the_changes_lead_to_what_is_wanted_and_their_inverses_back(one: Setting, other: Setting) -> None:
    found = changes(one, other, FACTS)
    assert with_changes(one, found) == other
    assert with_changes(other, [inverse(change, "x") for change in found]) == one
    assert not changes(one, one, FACTS)


def test_the_quickest_come_first() -> None:
    wanted = Setting(
        {"asr": StageSetting("medium", 9), "llm": StageSetting("fp16", 4), "tts": StageSetting("kokoro", 8)},
        {"voice": 5},
        "plain",
    )
    assert changes(SETTING, wanted, FACTS) == (
        cap(9, stage="asr"),
        cap(4),
        Change("features", "agent", "speculative", "plain", "up"),
        Change("variant", "asr", "large", "medium", "up"),
        replicas(5),
    )


def test_directions() -> None:
    def only(current: Setting, wanted: Setting) -> str:
        (change,) = changes(current, wanted, FACTS)
        return change.direction

    fast = with_stage(SETTING, "llm", variant="int4")
    assert only(SETTING, fast) == "up"
    assert only(fast, SETTING) == "down"
    assert only(replace(SETTING, mode="plain"), SETTING) == "down"
    assert only(SETTING, replace(SETTING, replicas={"voice": 3})) == "down"


def test_of_equally_good_variants_the_quicker_one_is_up() -> None:
    slow, quick = (replace(each, quality=1.0) for each in FACTS.stages[0].variants)
    facts = replace(FACTS, stages=(replace(FACTS.stages[0], variants=(quick, slow)), *FACTS.stages[1:]))
    (change,) = changes(SETTING, with_stage(SETTING, "asr", variant="medium"), facts)
    assert change.direction == "up"


def test_what_may_not_run_any_more_is_left_upwards() -> None:
    (change,) = changes(with_stage(SETTING, "llm", variant="gone"), SETTING, FACTS)
    assert change == Change("variant", "llm", "gone", "fp16", "up")


def test_what_only_one_setting_has_is_ignored() -> None:
    grown = replace(FACTS, groups=(*FACTS.groups, GroupFacts("face")))
    bare: dict[Any, StageSetting] = {"asr": SETTING.stages["asr"]}
    assert not changes(replace(SETTING, stages=bare), SETTING, grown)
    assert with_changes(SETTING, [Change("replicas", "face", 1, 2, "up")]) == SETTING
