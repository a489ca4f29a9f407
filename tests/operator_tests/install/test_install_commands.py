"""`antiphon install` and `antiphon uninstall` as a user runs them: what they print, ask and end with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

import sandbox
from antiphon_operator.commands.install_command import install
from antiphon_operator.commands.uninstall_command import uninstall
from cluster import Cluster

Antiphon = Callable[..., Result]
NODES = {"nodes": [{"name": "hollow"}]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """With a hollow node: the operator's pods are ready at once, and nothing is in them."""
    folder = tmp_path_factory.mktemp("world")
    nodes, kubeconfig = folder / "nodes.yaml", folder / "kubeconfig"
    nodes.write_text(yaml.safe_dump(NODES))
    with sandbox.running("up", "--kubeconfig", kubeconfig, "--nodes", nodes):
        yield Cluster(kubeconfig)


@pytest.fixture
def antiphon(world: Cluster) -> Iterator[Antiphon]:
    """The commands, with that world's kubeconfig; afterwards nothing is installed."""
    yield _commands(world.kubeconfig)
    _commands(world.kubeconfig)("uninstall", "--crds", "--yes")


def _commands(kubeconfig: Path) -> Antiphon:
    app = typer.Typer()
    app.command()(install)
    app.command()(uninstall)

    def run(*arguments: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(app, [*arguments, "--kubeconfig", str(kubeconfig)], input=answer)

    return run


def test_install_says_what_it_did_and_what_is_next(antiphon: Antiphon) -> None:
    first = antiphon("install", "--replicas", "1")
    assert first.exit_code == 0, first.output
    assert "created Deployment antiphon-system/antiphon-operator" in first.stdout
    assert "is ready in namespace antiphon-system, for agents of all namespaces" in first.stdout
    assert "antiphon doctor" in first.stdout
    assert "waiting for the operator" in first.stderr, "progress is no result"
    again = antiphon("install", "--replicas", "1")
    assert "created" not in again.stdout
    assert "objects were as they should be" in again.stdout


def test_install_as_json_is_all_of_it(antiphon: Antiphon) -> None:
    told = json.loads(antiphon("install", "--presets", "--image", "acme/antiphon-operator:2", "-o", "json").stdout)
    assert (told["ready"], told["replicas"], told["image"]) == (True, 2, "acme/antiphon-operator:2")
    assert "SLAPolicy conversational" in told["created"]


def test_install_does_not_wait_when_told_so(antiphon: Antiphon) -> None:
    done = antiphon("install", "--no-wait")
    assert done.exit_code == 0
    assert "nobody waited" in done.stdout


def test_what_can_not_be_done_is_told_in_words(antiphon: Antiphon) -> None:
    done = antiphon("install", "--watch-namespace", "nowhere")
    assert done.exit_code == 1
    assert "there is no namespace nowhere to watch" in done.stderr
    assert "Traceback" not in done.output


def test_uninstall_leaves_agents_and_says_so(antiphon: Antiphon, world: Cluster) -> None:
    antiphon("install")
    done = antiphon("uninstall")
    assert done.exit_code == 0, done.output
    assert "removed Deployment antiphon-system/antiphon-operator" in done.stdout
    assert "0 agents stay" in done.stdout
    assert world.kubectl("get", "crd", "voiceagents.antiphon.dev").returncode == 0
    assert antiphon("uninstall").exit_code == 1


@pytest.mark.parametrize(
    ("answer", "code", "left"), [("y\n", 0, ""), ("n\n", 1, "voiceagents"), (None, 2, "voiceagents")]
)
def test_before_all_agents_go_it_asks(
    answer: str | None, code: int, left: str, antiphon: Antiphon, world: Cluster
) -> None:
    antiphon("install")
    manifest = Path(__file__).parents[3] / "examples" / "hello-world.yaml"
    world.kubectl("apply", "-f", str(manifest))
    done = antiphon("uninstall", "--crds", answer=answer)
    assert "1 agents (1 in default)" in done.stderr
    assert done.exit_code == code, done.output
    assert left in world.kubectl("get", "crd", "-o", "name").stdout
    assert bool(left) == bool(world.kubectl("get", "deployments", "-A", "-o", "name").stdout)


def test_yes_asks_nothing(antiphon: Antiphon) -> None:
    antiphon("install", "--no-wait")
    done = antiphon("uninstall", "--crds", "--yes", "-o", "json")
    assert json.loads(done.stdout)["definitions"] is True
