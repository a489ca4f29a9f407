"""What the guards remember, and what of it is left after a restart."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from guarded_agent import FACTS, NOW, SETTING, GuardedRun, cap, llm, look, memory_of_old, replicas, scene, with_stage
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.agent_status import ControlStatus
from antiphon_policies.guarding.chain import guard
from antiphon_policies.guarding.memory import MOST_LOCKS, MOST_PENDING, GuardMemory, from_status
from antiphon_policies.guarding.records import (
    HOUR_SECONDS,
    MOST_ENTRIES,
    Breaker,
    Lock,
    Pending,
    counted,
    decision_id,
    times_of,
)
from antiphon_policies.guarding.remembering import remember
from antiphon_policies.guarding.wishes import Wishes
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.seeing.observation import PodSeen

TIMES = st.lists(st.floats(NOW - 5000, NOW, allow_nan=False), max_size=80).map(sorted)
LEVELS = st.lists(st.tuples(st.floats(0.1, 60), st.integers(0, 40)), min_size=1, max_size=60)


def kept(memory: GuardMemory) -> ControlStatus:
    return ControlStatus.from_manifest(memory.to_status().to_manifest())


@given(TIMES, st.floats(0, 4000))
def test_a_restart_forgets_no_action_too_early(times: list[float], later: float) -> None:
    entries = counted(times)
    assert len(entries) <= MOST_ENTRIES
    after = GuardMemory(NOW, actions=times_of(entries))
    assert after.actions_in_hour(NOW + later) >= GuardMemory(NOW, actions=tuple(times)).actions_in_hour(NOW + later)
    assert len(after.actions) == len(times)
    assert counted(after.actions) == entries


def test_joined_actions_count_until_the_last_of_them_may_stop() -> None:
    times = tuple(NOW - 37.3 * index for index in range(60))
    joined, exact = GuardMemory(NOW, actions=times_of(counted(times))), GuardMemory(NOW, actions=times)
    for later in range(0, 3700, 10):
        assert joined.actions_in_hour(NOW + later) >= exact.actions_in_hour(NOW + later)
        assert joined.actions_in_hour(NOW + later) <= exact.actions_in_hour(NOW + later - 250)


def test_few_actions_are_counted_to_the_second() -> None:
    times = tuple(NOW - 100.5 * index for index in range(MOST_ENTRIES))
    after = GuardMemory(NOW, actions=times_of(counted(times)))
    assert all(0 <= later - earlier < 1 for earlier, later in zip(sorted(times), after.actions, strict=True))


@given(LEVELS, st.floats(1, 600))
def test_the_extremes_of_a_window_are_exact_or_stricter(steps: list[tuple[float, int]], window: float) -> None:
    wishes, now, all_of_them = Wishes(), NOW, []
    for seconds, level in steps:
        now += seconds
        wishes = wishes.wished(now, level, keep_seconds=600)
        all_of_them.append((now, level))
    within = [level for at, level in all_of_them if at >= now - window]
    assert (wishes.highest(now - window), wishes.lowest(now - window)) == (max(within), min(within))


def test_many_wishes_are_bounded_and_only_stricter() -> None:
    wishes = Wishes()
    for index in range(200):
        wishes = wishes.wished(NOW + index, 1000 - index, keep_seconds=600)
    assert len(wishes.falling) <= 32
    assert (wishes.highest(NOW + 150) or 0) >= 850


def test_the_status_holds_what_must_survive() -> None:
    pending = Pending(NOW - 9.125, NOW + 60, cap(16), Load(21.0, 0.061), 311.2, 340.9)
    memory = memory_of_old(
        actions=(NOW - 100.0,),
        settling={"stage/llm": NOW + 60.0},
        acting=Breaker(2),
        seeing=Breaker(5, NOW + 60, 1),
        pending=(pending, replace(pending, change=llm("fp8"), was_ms=None, was_most_ms=None)),
        locks=(Lock("replicas", "voice", 3, "down", NOW + 600, 2),),
    )
    after = from_status(kept(memory), NOW)
    assert after == replace(memory, since=NOW, ticked=None)
    assert from_status(None, NOW) == GuardMemory(since=NOW)


def test_after_a_restart_the_first_failed_look_holds_everything() -> None:
    after = from_status(kept(memory_of_old(seeing=Breaker(4))), NOW)
    silent = PodSeen("voice-1", "voice", True, age_seconds=math.inf)
    blind = scene(memory=after, seen=look(source="none", pods=(silent,), measured={}))
    memory = remember(blind, [], guard(blind, []))
    assert memory.seeing.tripped


def test_that_nothing_is_seen_of_no_pod_is_no_error() -> None:
    nobody = scene(seen=look(source="none", pods=(), measured={}))
    assert remember(nobody, [], guard(nobody, [])).seeing == Breaker()


def test_the_status_is_small_and_does_not_change_while_nothing_happens() -> None:
    run = GuardedRun()
    wanted = replace(with_stage(SETTING, "llm", variant="fp8", cap=16), replicas={"voice": 5})
    for _ in range(200):
        run.tick(wanted)
    before = kept(run.memory)
    written = set()
    for index in range(60):
        run.tick(wanted, worst_ratio=0.5 + index % 7 / 100)
        written.add(json.dumps(kept(run.memory).to_manifest()))
    assert run.actions
    assert written == {json.dumps(before.to_manifest())}


def test_the_fullest_status_is_small() -> None:
    run = GuardedRun()
    full = replace(
        run.memory,
        actions=tuple(NOW - 50 * index for index in range(60)),
        settling={f"stage/{stage}": NOW for stage in ("vad", "asr", "llm", "tts", "diarization", "lipsync")}
        | {"group/voice": NOW},
        seeing=Breaker(5, NOW, 3),
        acting=Breaker(5, NOW, 3),
        pending=tuple(
            Pending(NOW - 0.123, NOW, replace(llm("fp8"), target=target), Load(123.0, 0.06123), 1234.5, 2345.6)
            for target in ("asr", "llm", "tts", "vad", "lipsync", "diarization")
        ),
        locks=tuple(Lock("variant", "llm", f"fp8-{index}", "up", NOW, 3) for index in range(6)),
    )
    assert len(full.pending) == MOST_PENDING
    assert len(full.locks) == MOST_LOCKS
    assert len(json.dumps(kept(full).to_manifest(), separators=(",", ":"))) < 2900


def test_what_can_no_longer_matter_is_forgotten() -> None:
    memory = memory_of_old(
        actions=(NOW - HOUR_SECONDS, NOW - 1),
        settling={"stage/llm": NOW - 1},
        locks=(Lock("batch", "llm", 4, "down", NOW - 601), Lock("batch", "llm", 3, "down", NOW - 599)),
    )
    at = scene(memory=memory)
    after = remember(at, [], guard(at, []))
    assert (after.actions, after.settling, len(after.locks)) == ((NOW - 1,), {}, 1)


def test_a_newer_decision_about_the_same_takes_the_older_ones_place() -> None:
    run = GuardedRun()
    run.tick(with_stage(SETTING, "llm", cap=16))
    run.now += 600
    run.tick(with_stage(SETTING, "llm", cap=24))
    assert [pending.change for pending in run.memory.pending] == [cap(24, 16)]


def test_locks_grow_and_the_breaker_waits_longer() -> None:
    breaker = Breaker(4)
    waits = []
    now = NOW
    for _ in range(7):
        breaker = breaker.failed(now)
        waits.append(breaker.until - now)
        now = breaker.until
    assert waits == [60, 120, 240, 480, 960, 1800, 1800]
    assert breaker.failed(breaker.until - 1) == breaker
    assert breaker.trying(now).until > now


def test_ids_tell_decisions_apart() -> None:
    ids = {decision_id(change, NOW + at) for change in (cap(16), llm("fp8"), replicas(6)) for at in (0, 0.001)}
    assert len(ids) == 6
    assert all(len(one) <= 63 for one in ids)
    assert FACTS.key == ("shop", "hello")
