"""`--what-if`: a few words that change the agent, its traffic, or what befalls it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from antiphon_crds.durations import parse_duration_seconds
from antiphon_operator.rehearsing.errors import RehearsalError
from antiphon_policies.facts import AgentFacts, GroupFacts, StageFacts
from antiphon_policies.simulating.scene import Failure, MetricsGone, ReplicaDies

_FORMS = (
    "`sessions x2` or `sessions 120`",
    "`start 120s`",
    "`replicas 4`",
    "`minReplicas 2`",
    "`maxReplicas 12`",
    "`variant llm=fp16`",
    "`replica dies at 10m`",
    "`metrics gone at 10m for 5m`",
)
_DURATION = r"[0-9.]+(?:ms|s|m|h)[0-9.smh]*"


@dataclass(frozen=True)
class Case:
    """The agent and what befalls it, as it is or as it would be."""

    facts: AgentFacts
    sessions: float
    factor: float = 1.0
    """Times the sessions of a recorded trace, or of a generated one."""
    failures: tuple[Failure, ...] = ()


def supposed(case: Case, words: Sequence[str]) -> Case:
    """The case with all that is supposed; several wishes in one text are parted by commas. RehearsalError where one is not
    understood, or names what the agent does not have."""
    for wish in (part.strip() for text in words for part in text.split(",")):
        case = _supposed(case, wish)
    return case


def _supposed(case: Case, wish: str) -> Case:
    for pattern, change in _CHANGES.items():
        if found := re.fullmatch(pattern, wish):
            return change(case, *found.groups())
    raise RehearsalError(f"--what-if {wish!r} is not understood; use one of {', '.join(_FORMS)}", usage=True)


def _times(case: Case, factor: str) -> Case:
    return replace(case, factor=case.factor * float(factor))


def _level(case: Case, sessions: str) -> Case:
    return replace(case, sessions=float(sessions))


def _start(case: Case, duration: str) -> Case:
    seconds = _seconds(duration)
    return _with_groups(case, lambda group: replace(group, start_seconds=seconds))


def _replicas(case: Case, which: str, count: str) -> Case:
    number = int(count)
    if number < 1:
        raise RehearsalError(f"--what-if '{which} {count}': at least 1 replica is simulated", usage=True)

    def changed(group: GroupFacts) -> GroupFacts:
        least = number if which != "maxReplicas" else min(group.min_replicas, number)
        most = number if which != "minReplicas" else max(group.max_replicas, number)
        return replace(group, min_replicas=least, max_replicas=most)

    return _with_groups(case, changed)


def _variant(case: Case, stage: str, variant: str) -> Case:
    known = {each.stage: each for each in case.facts.stages}
    if stage not in known:
        raise RehearsalError(
            f"--what-if 'variant {stage}={variant}': the agent has no stage {stage}, but {_list(known)}"
        )
    names = [each.name for each in known[stage].variants]
    if variant not in names:
        raise RehearsalError(
            f"--what-if 'variant {stage}={variant}': {stage} may not run {variant}; allowed are {_list(names)}"
        )
    stages = tuple(_only(each, variant) if each.stage == stage else each for each in case.facts.stages)
    return replace(case, facts=replace(case.facts, stages=stages))


def _only(stage: StageFacts, variant: str) -> StageFacts:
    return replace(stage, variants=tuple(each for each in stage.variants if each.name == variant))


def _dies(case: Case, at: str) -> Case:
    return replace(case, failures=(*case.failures, ReplicaDies(_seconds(at))))


def _gone(case: Case, at: str, lasts: str) -> Case:
    since = _seconds(at)
    return replace(case, failures=(*case.failures, MetricsGone(since, since + _seconds(lasts))))


def _with_groups(case: Case, change: Callable[[GroupFacts], GroupFacts]) -> Case:
    return replace(case, facts=replace(case.facts, groups=tuple(map(change, case.facts.groups))))


def _seconds(duration: str) -> float:
    try:
        return parse_duration_seconds(duration)
    except ValueError as error:
        raise RehearsalError(f"--what-if: {error}", usage=True) from error


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


_CHANGES: Mapping[str, Callable[..., Case]] = {
    r"sessions x *([0-9]+(?:\.[0-9]+)?)": _times,
    r"sessions ([0-9]+(?:\.[0-9]+)?)": _level,
    rf"start ({_DURATION})": _start,
    r"(replicas|minReplicas|maxReplicas) ([0-9]+)": _replicas,
    r"variant ([a-z]+) *= *([a-zA-Z0-9.-]+)": _variant,
    rf"replica dies at ({_DURATION})": _dies,
    rf"metrics gone at ({_DURATION}) for ({_DURATION})": _gone,
}
