"""Sessions of a replica and the budget of a turn, predicted from profiles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from manifest_files import REPOSITORY
from rehearsed_agent import AGENT, agent_file
from rich.console import Console

from antiphon_crds.policy import Budget
from antiphon_operator.rehearsing.agent_files import subjects_of
from antiphon_operator.rehearsing.subject import Now, Subject
from antiphon_operator.sizing.budget import budget_of
from antiphon_operator.sizing.capacity import basis_of, capacity_of
from antiphon_operator.sizing.replica import best_only, held_by_one, planned, unhindered
from antiphon_operator.sizing.sizes import headroom_of, size_of, sizes_of
from antiphon_operator.sizing.text import capacity
from antiphon_operator.sizing.view import CapacityView, ComponentView
from antiphon_policies.facts import AgentFacts, Service

Written = Callable[[str], Subject]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def subject(text: str = AGENT) -> Subject:
        (found,) = subjects_of([str(agent_file(tmp_path, text))])
        return found

    return subject


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> CapacityView:
    (subject,) = subjects_of([str(agent_file(tmp_path_factory.mktemp("agent")))])
    return capacity_of(subject, [0.2, 0.5])


def text_of(view: CapacityView) -> str:
    console = Console(width=300, color_system=None)
    with console.capture() as captured:
        console.print(capacity(view), soft_wrap=True)
    return " ".join(captured.get().split())


def test_the_more_a_session_works_the_fewer_are_held(shop: CapacityView) -> None:
    held = {(size.duty_cycle, size.choice): size for size in shop.sizes}
    assert list(held) == [(0.2, "best"), (0.2, "any"), (0.5, "best"), (0.5, "any")]
    assert held[0.2, "best"].most_sessions > 2 * held[0.5, "best"].most_sessions > 0
    for duty_cycle in (0.2, 0.5):
        best, either = held[duty_cycle, "best"], held[duty_cycle, "any"]
        assert best.most_sessions <= either.most_sessions
        assert (best.quality, best.variants["asr"]) == (1.0, "large-fp16")
        assert best.planned_sessions == int(best.most_sessions * 0.8)
        assert either.quality < 1


def test_what_is_held_keeps_the_promise_and_one_more_breaks_it(written: Written) -> None:
    facts: AgentFacts = best_only(written(AGENT).facts())
    held = held_by_one(facts, "main")
    assert held.plan is not None
    assert held.plan.prediction.objectives["response-p95"] <= 450
    assert planned(unhindered(facts), "main", held.sessions).feasible
    assert not planned(unhindered(facts), "main", held.sessions + 1).feasible


def test_what_limits_is_told_with_figures(shop: CapacityView) -> None:
    assert all(size.limited_by.startswith("response-p95 would be ") for size in shop.sizes)
    assert all(size.limited_by.endswith(" ms of 450 ms") for size in shop.sizes)


def test_the_parts_of_a_turn_add_up(shop: CapacityView) -> None:
    budget = shop.budget
    assert budget is not None
    parts: dict[str, ComponentView] = {part.component: part for part in budget.components}
    assert list(parts) == ["capture", "network", "end of speech", "asr", "llm", "tts", "overhead", "playback"]
    assert (parts["capture"].alone_ms, parts["network"].alone_ms, parts["end of speech"].alone_ms) == (20, 40, 320)
    assert parts["asr"].alone_ms == pytest.approx(120, rel=0.05)
    assert all(part.waits_ms >= 0 for part in budget.components)
    assert parts["asr"].waits_ms > 0
    assert budget.mouth_to_ear_p95_ms == pytest.approx(budget.turn_p95_ms + 80, abs=0.2)
    assert budget.turn_p95_ms == pytest.approx(budget.response_p95_ms + 320, abs=0.2)
    mean = sum(part.alone_ms + part.waits_ms for part in budget.components)
    assert mean < budget.mouth_to_ear_p95_ms < 3 * mean


def test_what_speculation_does_before_the_turn_is_over_is_taken_off(written: Written) -> None:
    facts = written(AGENT.replace("options: {speculative: false}", "options: {}")).facts()
    budget = budget_of(best_only(facts), Budget())
    assert budget is not None
    (part,) = (part for part in budget.components if part.component == "done meanwhile")
    assert part.alone_ms == -192  # from the pause, 128 ms, to the decision, 320 ms


def test_which_targets_could_be_promised(shop: CapacityView) -> None:
    targets = {(target.indicator, target.target_ms): target for target in shop.targets}
    assert len(targets) == 6
    response, ear = targets["response", 500], targets["mouthToEar", 500]
    assert 0 < response.best_sessions <= response.any_sessions
    assert (targets["response", 200].best_sessions, targets["mouthToEar", 300].any_sessions) == (0, 0)
    assert ear.least_ms == pytest.approx((response.least_ms or 0) + 320 + 80, abs=1)
    for target in shop.targets:
        assert target.least_ms is not None
        assert (target.any_sessions > 0) == (target.least_ms <= target.target_ms)


def test_a_promise_that_nobody_can_keep(written: Written) -> None:
    view = capacity_of(written(AGENT.replace("targetMs: 450", "targetMs: 50")), [0.3])
    assert [(size.most_sessions, size.variants, size.quality) for size in view.sizes] == [(0, {}, 0)]
    assert view.budget is None
    assert "best 0 0 - response-p95 would be" in text_of(view)


def test_a_limit_of_sessions_is_a_limit(written: Written) -> None:
    sizes = list(sizes_of(written(AGENT + "  sessions: {maxPerReplica: 7}\n"), [0.3]))
    assert {size.most_sessions for size in sizes} == {7}
    assert sizes[0].limited_by == "a replica takes 7 sessions at most"


def test_the_room_that_a_live_agent_has(written: Written, shop: CapacityView) -> None:
    facts = best_only(written(AGENT + "  sessions: {maxPerReplica: 10}\n").facts())
    for sessions, free, words in (
        (12, 4, "12 live: 4 more may come."),
        (20, -4, "20 live: 4 too many."),
        (None, None, "hold 16 sessions as planned, by a change of variants where need be; how many live is unknown."),
    ):
        (room,) = headroom_of(facts, Now(sessions, {"main": 2}))
        assert (room.ready_replicas, room.planned_sessions, room.free) == (2, 16, free)
        assert words in text_of(shop.model_copy(update={"headroom": [room]}))


def test_where_the_figures_come_from(shop: CapacityView, written: Written) -> None:
    by_variant = {(each.stage, each.variant): each for each in shop.basis}
    asr = by_variant["asr", "large-fp16"]
    assert (asr.basis, asr.hardware) == ("Projected", "b200-180gb")
    assert "owner's projection" in asr.origin
    assert len(by_variant) == 6, "vad is not planned with"
    learned = Subject(written(AGENT).resolution, learned={("asr", "large-fp16"): Service(220.0, 20.0)})
    basis = basis_of(learned, learned.facts())
    assert next(each for each in basis if each.variant == "large-fp16").basis == "Learned"
    size = size_of(best_only(learned.facts(0.2)), "main", "best")
    assert size.most_sessions < shop.sizes[0].most_sessions, "what was learned counts"


def test_it_can_be_read(shop: CapacityView) -> None:
    text = text_of(shop)
    for words in (
        "VoiceAgent calls/shop (SLAPolicy quick)",
        "Sessions of one replica (most, and planned with 20 % kept free)",
        "20 % best: asr=large-fp16 llm=fp16 tts=fp32",
        "sessions a replica and a duty cycle of 30 %",
        "end of speech 320 ms 0 ms 320 ms",
        "mouth to ear 300 ms no no",
        "asr large-fp16 Projected b200-180gb fitted to an owner's projection",
    ):
        assert words in text


def test_the_form_for_programs_comes_back(shop: CapacityView) -> None:
    assert CapacityView.from_manifest(shop.to_manifest()) == shop


@pytest.mark.parametrize("example", ["4-speech-to-speech", "5-diarization-hybrid"])
def test_agents_that_are_no_cascade(example: str) -> None:
    """Nothing that is told is infinite, and a pool that is not there is no hindrance."""
    (subject,) = subjects_of([str(REPOSITORY / "examples" / example / "agent.yaml")])
    view = capacity_of(subject, [0.3])
    assert CapacityView.from_manifest(view.to_manifest()) == view
    assert " inf " not in text_of(view)
