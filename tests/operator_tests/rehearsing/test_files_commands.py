"""`antiphon capacity` and `antiphon simulate` on files, as a user runs them: no cluster is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from rehearsed_agent import AGENT, agent_file
from typer.testing import CliRunner, Result

from antiphon_operator.commands.capacity_command import capacity
from antiphon_operator.commands.simulate_command import simulate
from antiphon_operator.rehearsing.view import SimulationView
from antiphon_operator.sizing.view import CapacityView

Antiphon = Callable[..., Result]
QUICK = ("--hours", "0.05", "--sessions", "10")


@pytest.fixture
def antiphon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Antiphon:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "there-is-none"))
    app = typer.Typer()
    for command in (capacity, simulate):
        app.command()(command)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def shop(tmp_path: Path) -> str:
    return str(agent_file(tmp_path))


def test_capacity_for_programs(antiphon: Antiphon, shop: str) -> None:
    done = antiphon("capacity", shop, "--duty", "40", "-o", "json")
    assert done.exit_code == 0, done.output
    (manifest,) = json.loads(done.stdout)
    view = CapacityView.from_manifest(manifest)
    assert (view.name, view.namespace, view.headroom) == ("shop", "calls", [])
    assert {size.duty_cycle for size in view.sizes} == {0.4}


def test_capacity_on_hardware_that_no_profile_is_of(antiphon: Antiphon, shop: str) -> None:
    done = antiphon("capacity", shop, "--hardware", "abacus")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--hardware abacus: no profile of shop's models is for it; there are profiles of" in done.stderr
    assert "b200-180gb" in done.stderr


@pytest.mark.parametrize(
    ("duty", "told"), [("20,half", "no number"), ("0", "not from 1 to 100"), ("120", "not from 1")]
)
def test_duty_cycles_that_are_none(antiphon: Antiphon, shop: str, duty: str, told: str) -> None:
    done = antiphon("capacity", shop, "--duty", duty)
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_simulation_for_people(antiphon: Antiphon, shop: str) -> None:
    done = antiphon("simulate", shop, *QUICK)
    assert done.exit_code == 0, done.output
    assert "VoiceAgent calls/shop  0.05 h of steady, seed 1; in time: within 450 ms (response-p95)" in done.stdout
    assert "as it is: " in done.stdout
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("  antiphon "))
    assert "%" in row


def test_what_if_beside_what_is(antiphon: Antiphon, shop: str) -> None:
    arguments = ("simulate", shop, *QUICK, "--what-if", "sessions x2", "--controller", "static=2", "-o", "json")
    done, again = antiphon(*arguments), antiphon(*arguments)
    assert done.exit_code == 0, done.output
    assert done.stdout == again.stdout, "the same seed gives the same figures"
    view = SimulationView.from_manifest(json.loads(done.stdout))
    is_now, would_be = view.runs
    assert (is_now.case, would_be.case, is_now.knob) == ("as it is", "sessions x2", 2)
    assert would_be.peak_sessions == pytest.approx(2 * is_now.peak_sessions, abs=3)
    assert would_be.turns > 1.5 * is_now.turns
    assert 1.5 * 0.045 < is_now.replica_hours < 2 * 0.046, "of the minutes after the warm-up"


def test_all_controllers_side_by_side(antiphon: Antiphon, shop: str) -> None:
    done = antiphon("simulate", shop, *QUICK, "--compare", "-o", "json")
    assert done.exit_code == 0, done.output
    runs = json.loads(done.stdout)["runs"]
    names = ["antiphon", "static", "hpa", "keda-queue", "keda-p95", "queueing"]
    assert [run["controller"] for run in runs] == names
    assert len({run["sessions"] for run in runs}) == 1, "all meet the same sessions"


def test_a_picture_of_each_run(antiphon: Antiphon, shop: str, tmp_path: Path) -> None:
    plot = tmp_path / "out.svg"
    done = antiphon("simulate", shop, *QUICK, "--plot", plot, "--controller", "antiphon", "--controller", "hpa=0.3")
    assert done.exit_code == 0, done.output
    files = [plot, tmp_path / "out-2-hpa.svg"]
    assert f"plotted in {files[0]}, {files[1]}" in done.stdout
    for file in files:
        words = [each.text for each in ElementTree.parse(file).iter("{http://www.w3.org/2000/svg}text")]
        assert {"calls/shop: steady, as it is", "Sessions", "p95 of a response over 30 s (ms)", "target 450"} <= {
            *words
        }


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--trace", "tuesday"), 2, "--trace tuesday is neither a file"),
        (("--what-if", "more"), 2, "--what-if 'more' is not understood"),
        (("--what-if", "variant llm=int4"), 1, "allowed are fp16, fp8"),
        (("--controller", "vpa"), 2, "there is no 'vpa'; there are antiphon, static, hpa"),
        (("--controller", "hpa=high"), 2, "'high' is no number; hpa takes utilisation"),
        (("--controller", "antiphon=1"), 2, "antiphon has no knob"),
        (("--plot", "no/such/folder/out.svg"), 2, "out.svg can't be written: there is no folder no/such/folder"),
    ],
)
def test_refusals(antiphon: Antiphon, shop: str, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = antiphon("simulate", shop, *QUICK, *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert told in done.stderr


def test_files_that_can_not_be_simulated(antiphon: Antiphon, tmp_path: Path) -> None:
    cases = {
        AGENT.replace("emulated-whisper", "emulated-whistle"): (
            1, "spec.pipeline.asr.model: there is no VoiceModel emulated-whistle; give its file too",
        ),
        AGENT.replace("targetMs: 450", "targetMs: soon"): (1, "targetMs"),
        AGENT.partition("---")[0]: (2, "there is no VoiceAgent in"),
        "a: [": (1, "is no valid YAML"),
        f"{AGENT}---\n{AGENT.partition('---')[2].replace('shop', 'other')}": (2, "2 VoiceAgents (shop, other); give the file of"),
    }  # fmt: skip
    for text, (code, told) in cases.items():
        done = antiphon("simulate", str(agent_file(tmp_path, text)), *QUICK)
        assert (done.exit_code, done.stdout) == (code, ""), done.output
        assert told in done.stderr


def test_a_file_that_is_not_there(antiphon: Antiphon) -> None:
    done = antiphon("capacity", "no-such/agent.yaml")
    assert done.exit_code == 2
    assert "no-such/agent.yaml can't be read" in done.stderr


def test_a_name_stands_alone(antiphon: Antiphon, shop: str) -> None:
    done = antiphon("capacity", "shop", shop)
    assert done.exit_code == 2
    assert "shop is the name of a live agent and stands alone" in done.stderr
