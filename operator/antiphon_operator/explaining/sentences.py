"""Promises and decisions as short sentences with figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from antiphon_crds.agent_status import Decision, ObjectiveStatus
from antiphon_crds.policy import Objective
from antiphon_crds.stages import Indicator
from antiphon_operator.telling.promises import amount, unit_of
from antiphon_policies.guarding.evidence import REASONS

_TIMED: Mapping[Indicator, str] = {
    "turn": "a turn (from the user's last sound to the agent's first)",
    "response": "a response (from the decision that the user has ended to the agent's first sound)",
    "mouthToEar": "mouth to ear (a turn with capture, network and playback)",
    "result": "a result (from the end of its audio until it is sent)",
    "overhead": "the time of a turn spent outside of models",
    "bargeIn": "a barge-in (from the user's first sound to the agent's last)",
    "sessionStart": "the start of a session",
    "recovery": "the time that a breach lasts",
    "frameRate": "the video frames a second of a speaking session",
}
_COUNTED: Mapping[Indicator, str] = {
    "rejectedSessions": "sessions refused",
    "droppedSessions": "sessions dropped",
    "failedTurns": "turns that failed",
    "audioUnderruns": "answers whose audio ran dry",
    "missedFrames": "video frames missed",
}
_VERDICTS = {
    "Met": "It is kept.",
    "AtRisk": "It is kept, but not by much.",
    "Breached": "It is broken.",
    "Unknown": "Whether it is kept is unknown.",
}
_OUTCOMES = {
    "Pending": "What comes of it is not known yet.",
    "Kept": "It was kept.",
    "RolledBack": "It made things worse and was taken back.",
    "Failed": "It could not be done.",
    "Inconclusive": "Too little was seen to tell what came of it.",
}


def promise_words(objective: Objective | None, now: ObjectiveStatus) -> str:
    """`objective` None: the policy no longer has it."""
    if objective is None:
        return f"Target {now.target:g}. Policy and agent no longer promise it."
    unit = unit_of(objective)
    return " ".join([_promise(objective, now, unit), *_kept(now, unit)])


def _promise(objective: Objective, now: ObjectiveStatus, unit: str) -> str:
    bound = "at least" if unit == "perSecond" else "at most"
    of_all = " of all" if unit == "ratio" else ""
    return f"{_capital(_measure(objective))} to be {bound} {amount(now.target, unit)}{of_all}, over {objective.window}."


def _measure(objective: Objective) -> str:
    """What is measured, with its verb: `p95 of a turn (...) is`."""
    if objective.indicator in _COUNTED:
        return f"{_COUNTED[objective.indicator]} are"
    what = f"stage {objective.stage} (waiting included)" if objective.stage else _TIMED[objective.indicator]
    figure = "the mean of" if objective.mean else f"p{objective.percentile:g} of"
    return f"{figure} {what} is"


def _kept(now: ObjectiveStatus, unit: str) -> Iterator[str]:
    if now.observed is None:
        yield "Nothing was measured: whether it is kept is unknown."
        return
    of = f" of {now.samples} observation{'s' * (now.samples != 1)}" if now.samples else ""
    yield f"Seen: {amount(now.observed, unit)}{of}."
    if now.attainment is not None:
        yield (
            f"{now.attainment * 100:.4g} % of them were within it." if of else f"{now.attainment * 100:.4g} % kept it."
        )
    yield _VERDICTS[now.state]
    if now.error_budget_left is not None:
        yield _budget(now.error_budget_left)


def _budget(left: float) -> str:
    if left < 0:
        return f"The error budget is overspent by {-left * 100:.3g} %."
    return f"{left * 100:.3g} % of the error budget is left."


def decision_words(decision: Decision) -> list[str]:
    """What was done; then why and by what evidence; then what was expected, and what came of it."""
    parts = (_done(decision), " ".join(_why(decision)), " ".join(_effect(decision)))
    return [part for part in parts if part]


def _done(decision: Decision) -> str:
    what, before, after = subject(decision.actuator, decision.target), decision.before or "?", decision.after or "?"
    if decision.outcome == "Held":
        return f"{_capital(what)} stayed at {before}; {after} was wanted, and {decision.reason} held it back."
    failed = "was to be " if decision.outcome == "Failed" else "was "
    return f"{_capital(what)} {failed}{_verb(before, after)} from {before} to {after} ({decision.reason})."


def _why(decision: Decision) -> Iterator[str]:
    if decision.reason in REASONS:
        yield REASONS[decision.reason]
    if message := decision.message.strip().rstrip("."):
        yield f"Evidence: {message}."


def _effect(decision: Decision) -> Iterator[str]:
    if decision.expected:
        yield f"Expected: {decision.expected}."
    if decision.observed:
        yield f"Seen since: {decision.observed}."
    if decision.outcome in _OUTCOMES:
        yield _OUTCOMES[decision.outcome]


def subject(actuator: str, target: str) -> str:
    """What an actuator changes, in words."""
    names = {
        "batch": f"the largest batch of {target}",
        "variant": f"the variant of {target}",
        "replicas": f"the number of replicas of {target}",
        "features": f"the set of features of {target}",
        "partition": f"the partition of {target}",
    }
    return names.get(actuator, f"{actuator} of {target}")


def _verb(before: str, after: str) -> str:
    try:
        return "raised" if float(after) > float(before) else "lowered"
    except ValueError:
        return "changed"


def _capital(words: str) -> str:
    """Of a sentence; `p95` stays as it is."""
    return words if words[1:2].isdigit() else f"{words[:1].upper()}{words[1:]}"
