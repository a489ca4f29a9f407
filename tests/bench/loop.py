"""The control loop from end to end: callers climb from 5 to 100 and fall again, in the sandbox, with emulated engines.

python tests/bench/loop.py [--source scrape|prometheus] [--quick] [--folder FOLDER] [--json]

Brings up a sandbox with an operator and an agent whose engines are emulated (they take the time of a made-up GPU; see
tests/support/loop_story.py), and lets callers come and go. Each change of what runs is told as it comes; at the end there
is `antiphon explain`, a picture (FOLDER/loop.svg, its figures in samples.jsonl), and for each step of the load how long the
promise was broken. With `--source prometheus` (the Debian package) the operator reads Prometheus, which is stopped half way:
the loop then goes on with what it scrapes from the pods.

Exit code 1: a call was dropped, or a promise was still broken 30 s after a step.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUPPORT = Path(__file__).parents[1] / "support"
sys.path.insert(0, str(SUPPORT))

from crowd import CrowdTotals  # noqa: E402
from loop_story import TARGET_MS, Story, Watched, back_within, firsts, promised, told, written  # noqa: E402
from offline_apiserver import REPOSITORY  # noqa: E402
from operated import Operated, own_namespace  # noqa: E402
from operator_process import OperatorProcess, operator_process  # noqa: E402

import sandbox  # noqa: E402
from antiphon_operator.bringing_up.prometheus_beside import PrometheusBeside, is_installed  # noqa: E402
from antiphon_operator.plotting.drawing import svg_of  # noqa: E402
from antiphon_operator.plotting.timeline import agent_picture  # noqa: E402
from cluster import Cluster  # noqa: E402

FULL = Story(((0, 5), (130, 15), (180, 30), (230, 50), (290, 75), (350, 100), (440, 50), (490, 5), (720, 0)))
QUICK = Story(((0, 5), (110, 25), (160, 50), (220, 5), (360, 0)))
WITHIN_SECONDS = 30.0
Obj = dict[str, Any]


@dataclass
class World:
    """What runs while the story is told."""

    corner: Operated
    operator: OperatorProcess
    kubeconfig: Path
    prometheus: PrometheusBeside | None = None


@contextmanager
def world(folder: Path, source: str) -> Iterator[World]:
    kubeconfig = folder / "kubeconfig"
    with ExitStack() as stack:
        stack.enter_context(sandbox.running("up", "--kubeconfig", kubeconfig))
        cluster = Cluster(kubeconfig)
        cluster.kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(REPOSITORY / "crds"))
        prometheus, arguments = None, []
        if source == "prometheus":
            prometheus = PrometheusBeside(kubeconfig)
            stack.callback(prometheus.end)
            arguments = ["--prometheus-url", asyncio.run(prometheus.bring_up())]
        namespace = stack.enter_context(own_namespace(cluster))
        operator = stack.enter_context(
            operator_process(kubeconfig, folder=folder, namespace=namespace, arguments=arguments)
        )
        yield World(Operated(cluster, namespace), operator, kubeconfig, prometheus)


@dataclass
class Teller:
    """Tells what changes, in a line."""

    quiet: bool
    stop_prometheus_at: float | None = None
    world: World | None = None
    _before: Obj = field(default_factory=dict)
    _stopped: bool = False

    def __call__(self, sample: Obj) -> None:
        said = {name: sample[name] for name in ("wanted", "ready", "variants", "caps", "sla", "source")}
        if said != self._before:
            self._before = said
            self._say(sample)
        if self._is_time_to_stop(sample) and self.world is not None and self.world.prometheus is not None:
            self._stopped = True
            self.world.prometheus.end()
            self._say({**sample, "note": "Prometheus is stopped"})

    def _is_time_to_stop(self, sample: Obj) -> bool:
        return self.stop_prometheus_at is not None and not self._stopped and sample["at"] >= self.stop_prometheus_at

    def _say(self, sample: Obj) -> None:
        if self.quiet:
            return
        stages = ", ".join(
            f"{stage} {variant}/{sample['caps'].get(stage)}" for stage, variant in sample["variants"].items()
        )
        p95 = "-" if sample["p95_ms"] is None else f"{sample['p95_ms']:.0f}"
        print(
            f"{sample['at']:6.0f} s  {sample['callers']:3d} callers  p95 {p95:>4} ms  {sample['sla'] or '-':8}"
            f"  {sample['ready']}/{sample['wanted']} replicas  {stages}  by {sample['source']} {sample.get('note', '')}",
            flush=True,
        )


def steps(story: Story, watched: Watched) -> list[Obj]:
    """For each rise of the load, and each fall: how long the promise was broken."""
    found = []
    for (since, before), (at, count), (until, _) in zip(story.levels, story.levels[1:], story.levels[2:], strict=False):
        back = back_within(watched.samples, at, until)
        found.append({"at": at, "from": before, "to": count, "since": since, "back_within_s": back})
    return found


def figures(story: Story, watched: Watched, totals: CrowdTotals, source: str) -> Obj:
    heard = sorted(turn.seconds for turn in totals.turns if turn.seconds is not None)
    samples = watched.samples
    return {
        "command": " ".join(["python", *sys.argv]),
        "seed": story.seed,
        "source": source,
        "emulated": True,
        "target_ms": TARGET_MS,
        "steps": steps(story, watched),
        "calls": {"begun": totals.begun, "ended": totals.ended, "refused": totals.refused, "dropped": totals.dropped},
        "turns": len(totals.turns),
        "turns_unanswered": sum(turn.seconds is None for turn in totals.turns),
        "heard_p95_ms": round(heard[int(0.95 * (len(heard) - 1))] * 1000) if heard else None,
        "most_replicas": max((one["wanted"] or 0 for one in samples), default=0),
        "first_s": firsts(samples, story.levels[1][0] - 1),
        "last_replicas": samples[-1]["wanted"] if samples else None,
        "decisions": len(watched.decisions),
        "sources": sorted({one["source"] for one in samples}),
    }


def explained(here: World) -> str:
    """As a person asks."""
    command = [sys.executable, "-m", "antiphon_operator", "explain", "hello", "-n", here.corner.namespace]
    command += ["--kubeconfig", str(here.kubeconfig)]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return asked.stdout + asked.stderr


def run(story: Story, source: str, folder: Path, quiet: bool) -> tuple[Obj, str]:
    teller = Teller(quiet, story.seconds / 2 if source == "prometheus" else None)
    watched = Watched(on_sample=teller)
    with world(folder, source) as here, promised(here.corner, story) as url:
        teller.world = here
        if not quiet:
            print(f"engines are emulated; {story.levels[0][1]} callers at first, seed {story.seed}", flush=True)
        totals = asyncio.run(told(here.corner, url, here.operator.health_url, story, watched))
        words = explained(here)
    picture = agent_picture("The control loop, end to end", watched.timeline(), subtitle="engines are emulated")
    (folder / "loop.svg").write_text(svg_of(picture), encoding="utf-8")
    written(folder, watched)
    return figures(story, watched, totals, source), words


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", choices=["scrape", "prometheus"], default="scrape")
    parser.add_argument("--quick", action="store_true", help="5 to 60 callers and back, in five minutes")
    parser.add_argument("--folder", type=Path, help="where the picture and its figures go; default: a temporary one")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.source == "prometheus" and not is_installed():
        print("there is no prometheus on the PATH; on Debian, `apt-get install prometheus` brings it", file=sys.stderr)
        return 2
    folder = options.folder or Path(tempfile.mkdtemp(prefix="antiphon-loop-"))
    folder.mkdir(parents=True, exist_ok=True)
    found, words = run(QUICK if options.quick else FULL, options.source, folder, options.json)
    if options.json:
        print(json.dumps(found))
    else:
        print(words)
        print(json.dumps(found, indent=1))
        print(f"picture: {folder / 'loop.svg'}")
    late = [one for one in found["steps"] if one["back_within_s"] is None or one["back_within_s"] > WITHIN_SECONDS]
    return 1 if late or found["calls"]["dropped"] or found["calls"]["refused"] else 0


if __name__ == "__main__":
    sys.exit(main())
