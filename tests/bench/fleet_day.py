"""How long it takes to simulate a day of many agents, and how near a sampled simulation comes to an exact one.

python tests/bench/fleet_day.py [--agents N] [--hours H] [--seed N] [--controller keeper|antiphon|fixed] [--quiet-seconds N]
    [--json]

Each agent has three emulated stages on replicas of up to 60 sessions, and a day's wave of calls of its own: from a few at
night to between 40 and 160 at noon. `cpu_s` counts the making of the calls too. Controllers are asked when what they would see
has changed, and else every --quiet-seconds: `asked` tells how often and why. `keeper` keeps a replica for every 45 sessions;
`antiphon` is the loop itself, which takes about a millisecond each time it is asked: all that are due at a step are planned for
at once, and plans are remembered. As these agents differ in nothing but their traffic, they share what is remembered. Python's
garbage collector is set as in the operator.

Then one agent is simulated for its busiest hour both ways, from the same calls: `within` is the share of turns within the
objective, `replica_hours` counts replicas that start, serve or drain. A controller that waits before it acts, as the loop does,
acts later where it is asked less often: --quiet-seconds 0 asks at every step. `exact_calls_per_s` is how many calls of stages the
exact simulation gets through in a second of CPU.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "support"))

from simulated_agents import a_setting, an_agent  # noqa: E402

from antiphon_operator.operate.garbage import look_seldom  # noqa: E402
from antiphon_policies.deciding.controller import AntiphonController  # noqa: E402
from antiphon_policies.facts import AgentFacts, Setting  # noqa: E402
from antiphon_policies.seeing.observation import Observation  # noqa: E402
from antiphon_policies.simulating.attending import Attention  # noqa: E402
from antiphon_policies.simulating.controlling import Controller, Note  # noqa: E402
from antiphon_policies.simulating.fixed import Fixed  # noqa: E402
from antiphon_policies.simulating.fleet import FleetAgent, simulate_fleet  # noqa: E402
from antiphon_policies.simulating.scene import Scene  # noqa: E402
from antiphon_policies.simulating.scores import score  # noqa: E402
from antiphon_policies.simulating.traces import Trace, diurnal  # noqa: E402
from antiphon_policies.simulating.world import simulate  # noqa: E402

HOUR, DAY = 3600.0, 86_400.0
SESSIONS_A_REPLICA = 60
KEPT_SECONDS = 300.0


@dataclass(slots=True)
class Keeper:
    """A replica for so many sessions, and none given back before fewer were enough for five minutes."""

    sessions_a_replica: int = 45
    name: str = "keeper"
    interval_seconds: float = 15.0
    needed_at: float = 0.0

    def control(self, facts: AgentFacts, seen: Observation, current: Setting) -> Setting:
        group = facts.groups[0].name
        if seen.sessions is None:
            return current
        needed = max(1, math.ceil(seen.sessions / self.sessions_a_replica))
        if needed >= current.replicas[group]:
            self.needed_at = seen.at
        elif seen.at - self.needed_at < KEPT_SECONDS:
            return current
        return Setting(current.stages, {group: needed}, current.mode)

    def notes(self) -> tuple[Note, ...]:
        return ()


def a_controller(name: str, facts: AgentFacts) -> Controller:
    if name == "antiphon":
        return AntiphonController(facts)
    return Keeper() if name == "keeper" else Fixed(a_setting(4))


def a_day(agent: int, seconds: float, seed: int) -> tuple[AgentFacts, Trace]:
    rng = np.random.default_rng([seed, agent])
    facts = an_agent(max_sessions=SESSIONS_A_REPLICA, llm="streams")
    return facts, diurnal(seconds, rng, low=rng.uniform(2, 8), high=rng.uniform(40, 160))


def fleet_day(asked: argparse.Namespace) -> dict[str, Any]:
    seconds, begun = asked.hours * HOUR, time.process_time()
    agents = []
    for number in range(asked.agents):
        facts, trace = a_day(number, seconds, asked.seed)
        agents.append(FleetAgent(facts, Scene(trace, a_setting(1), seconds), a_controller(asked.controller, facts)))
    made = time.process_time()
    rng = np.random.default_rng(asked.seed)
    fleet = simulate_fleet(agents, rng, attention=Attention(quiet_seconds=asked.quiet_seconds))
    ended = time.process_time()
    scores = [score(run) for run in fleet.runs]
    return {
        "cpu_s": round(ended - begun, 2),
        "of_which_making_calls_s": round(made - begun, 2),
        "agents": asked.agents,
        "hours": asked.hours,
        "controller": asked.controller,
        "sessions": sum(run.offered for run in fleet.runs),
        "rejected": sum(run.rejected for run in fleet.runs),
        "turns": fleet.turns,
        "within": round(sum(one.within * one.turns for one in scores) / max(1, fleet.turns), 5),
        "replica_hours": round(sum(one.partition_hours for one in scores), 1),
        "asked": fleet.asked,
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def both_ways(asked: argparse.Namespace) -> dict[str, Any]:
    """One agent, one hour, the same calls."""
    rng = np.random.default_rng([asked.seed, 1_000_000])
    facts = an_agent(max_sessions=SESSIONS_A_REPLICA, llm="streams")
    scene = Scene(diurnal(HOUR, rng, low=20, high=120, period_seconds=HOUR), a_setting(1), HOUR)
    agent = FleetAgent(facts, scene, a_controller(asked.controller, facts))
    sampled = simulate_fleet([agent], rng, attention=Attention(quiet_seconds=asked.quiet_seconds)).runs[0]
    begun = time.process_time()
    exact = simulate(facts, scene, a_controller(asked.controller, facts), rng)
    told: dict[str, Any] = {}
    for run in (sampled, exact):
        scores = score(run)
        told[run.fidelity] = {
            "within": round(scores.within, 4),
            "replica_hours": round(scores.partition_hours, 3),
            "turns": scores.turns,
            "rejected": scores.rejected,
        }
    apart = told["sampled"]["replica_hours"] / told["exact"]["replica_hours"] - 1
    told["within_apart"] = round(told["sampled"]["within"] - told["exact"]["within"], 4)
    told["replica_hours_apart"] = round(apart, 4)
    told["exact_cpu_s"] = round(time.process_time() - begun, 2)
    return told


def exact_speed(seed: int) -> dict[str, float]:
    """An hour of 100 sessions on two replicas, with a controller that does nothing."""
    rng = np.random.default_rng(seed)
    scene = Scene(diurnal(HOUR, rng, low=100, high=100), a_setting(2), HOUR)
    facts = an_agent(llm="streams")
    begun = time.process_time()
    run = simulate(facts, scene, Fixed(scene.start), rng)
    seconds = time.process_time() - begun
    return {
        "exact_hour_of_100_sessions_s": round(seconds, 3),
        "exact_calls_per_s": round(run.calls / seconds),
        "exact_events_per_s": round(run.events / seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--controller", choices=("keeper", "antiphon", "fixed"), default="keeper")
    parser.add_argument("--quiet-seconds", type=float, default=300.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    look_seldom()
    figures = {
        "command": " ".join(["python tests/bench/fleet_day.py", *sys.argv[1:]]),
        "seed": asked.seed,
        **exact_speed(asked.seed),
        "one_agent_one_hour": both_ways(asked),
        **fleet_day(asked),
    }
    if asked.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:30} {figure}")


if __name__ == "__main__":
    main()
