from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.agent_status import ObjectiveStatus
from antiphon_crds.policy import Objective
from antiphon_policies.judging.judgement import Judgement, Reason, State
from antiphon_policies.judging.verdict import verdict, worst_latency, worst_of

_STATES: dict[Reason, State] = {
    "Kept": "Met",
    "NearTarget": "AtRisk",
    "BurnsFast": "AtRisk",
    "FewSamplesOver": "AtRisk",
    "OverTarget": "Breached",
    "TooFewSamples": "Unknown",
    "NoTraffic": "Unknown",
    "NotMeasured": "Unknown",
    "Stale": "Unknown",
    "Implausible": "Unknown",
}


def judgement(reason: Reason, ratio: float | None = None, indicator: str = "turn", name: str = "it") -> Judgement:
    target = {"maxRatio": 0.01} if indicator == "rejectedSessions" else {"percentile": 95, "targetMs": 450}
    objective = Objective.model_validate({"name": name, "indicator": indicator, **target})
    state = _STATES[reason]
    known = ratio if ratio is not None or state == "Unknown" else 0.5
    return Judgement(objective, ObjectiveStatus(name=name, target=1.0, state=state), reason, "so it is", known)


TURN, REFUSED = "turn", "rejectedSessions"


@pytest.mark.parametrize(
    ("turn", "refused", "state", "reason"),
    [
        ("Kept", "Kept", "Met", "Kept"),
        ("Kept", "NoTraffic", "Met", "Kept"),
        ("Kept", "TooFewSamples", "Met", "Kept"),
        ("NoTraffic", "Kept", "Unknown", "NoTraffic"),
        ("TooFewSamples", "Kept", "Unknown", "TooFewSamples"),
        ("NoTraffic", "NoTraffic", "Unknown", "NoTraffic"),
        ("Kept", "Stale", "Unknown", "Stale"),
        ("NotMeasured", "Kept", "Unknown", "NotMeasured"),
        ("Kept", "NearTarget", "AtRisk", "NearTarget"),
        ("Stale", "OverTarget", "Breached", "OverTarget"),
        ("BurnsFast", "OverTarget", "Breached", "OverTarget"),
        ("Implausible", "FewSamplesOver", "AtRisk", "FewSamplesOver"),
    ],
)
def test_the_worst_state_is_the_agents(turn: Reason, refused: Reason, state: State, reason: Reason) -> None:
    both = (judgement(turn, indicator=TURN), judgement(refused, indicator=REFUSED))
    for order in permutations(both):
        found = verdict(order)
        assert (found.state, found.reason) == (state, reason)


def test_where_no_latency_is_promised_the_others_speak() -> None:
    assert verdict([judgement("Kept", indicator=REFUSED)]).state == "Met"
    assert verdict([judgement("NoTraffic", indicator=REFUSED)]).state == "Unknown"


def test_that_nothing_had_to_recover_is_no_success_of_an_agent_without_calls() -> None:
    assert verdict([judgement("NoTraffic"), judgement("Kept", indicator="recovery")]).state == "Unknown"


def test_without_objectives_nothing_is_known() -> None:
    found = verdict([])
    assert (found.state, found.worst) == ("Unknown", None)


def test_what_is_missing_is_told_from_what_is_quiet() -> None:
    assert verdict([judgement("Stale")]).missing
    assert not verdict([judgement("NoTraffic")]).missing
    assert not verdict([judgement("OverTarget"), judgement("Stale")]).missing
    assert "it: so it is" in verdict([judgement("Stale")]).message


def test_the_worst_is_the_furthest_over() -> None:
    slow, slower = judgement("OverTarget", 1.2, name="slow"), judgement("OverTarget", 2.0, name="slower")
    refused, unknown = judgement("OverTarget", 9.0, REFUSED, "refused"), judgement("Stale", name="unknown")
    all_of_them = [slow, slower, refused, unknown]
    assert worst_of(all_of_them) == refused
    assert worst_latency(all_of_them) == slower
    assert verdict([slow, slower]).message.startswith("slower")
    assert worst_of([unknown]) is None
    assert worst_latency([judgement("OverTarget", 3.0, "recovery")]) is None


_some = st.lists(
    st.builds(judgement, st.sampled_from(list(_STATES)), indicator=st.sampled_from([TURN, REFUSED])), max_size=6
)


@given(_some)
def test_unknown_is_never_success(judgements: list[Judgement]) -> None:
    found = verdict(judgements)
    if found.state == "Met":
        assert all(each.state == "Met" or not each.missing for each in judgements)
        assert any(each.state == "Met" for each in judgements)
        assert not any(each.state in ("Breached", "AtRisk") for each in judgements)
    if any(each.state == "Breached" for each in judgements):
        assert found.state == "Breached"
