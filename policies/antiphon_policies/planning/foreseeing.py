"""What a setting is predicted to do, looked up where it was predicted before."""

from __future__ import annotations

from collections.abc import Mapping

from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.planning.memory import Memory, facts_token, runs_token
from antiphon_policies.predicting.prediction import Load, Prediction
from antiphon_policies.predicting.turn import predict, sessions_of_fullest

_KNOWN: Memory[Prediction] = Memory(1 << 12)


def foreseen(facts: AgentFacts, setting: Setting, load: Load, serving: Mapping[str, int]) -> Prediction:
    """As `predict`. Of how many sessions and replicas there are, only those of the fullest replica count."""
    crowds = tuple(sessions_of_fullest(load.sessions, serving.get(group.name, 0)) for group in facts.groups)
    key = (facts_token(facts), load.turns_per_second, crowds, runs_token(setting))
    found = _KNOWN.get(key)
    if found is None:
        found = predict(facts, setting, load, serving)
        _KNOWN.keep(key, found)
    return found


def forget() -> None:
    _KNOWN.forget()
