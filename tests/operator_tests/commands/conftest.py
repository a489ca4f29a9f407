"""A world of its own for the commands under test, and the commands as a user runs them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
import typer
from manifest_files import REPOSITORY
from typer.testing import CliRunner, Result

import sandbox
from antiphon_operator.commands.capacity_command import capacity
from antiphon_operator.commands.describe_command import describe
from antiphon_operator.commands.explain_command import explain
from antiphon_operator.commands.get_command import get
from antiphon_operator.commands.logs_command import logs
from antiphon_operator.commands.simulate_command import simulate
from antiphon_operator.commands.top_command import top
from cluster import Cluster

Antiphon = Callable[..., Result]


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """With our kinds, presets and a node that runs pods, without an operator: a status is as the test has written it."""
    kubeconfig = tmp_path_factory.mktemp("world") / "kubeconfig"
    with sandbox.running("up", "--kubeconfig", kubeconfig):
        cluster = Cluster(kubeconfig)
        cluster.kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(REPOSITORY / "crds"))
        presets = [REPOSITORY / "policies" / name for name in ("sla-cpu-laptop.yaml", "models-cpu.yaml")]
        cluster.kubectl("apply", "--server-side", *(f"-f={preset}" for preset in presets))
        yield cluster


@pytest.fixture
def space(api: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    api.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    api.delete("Namespace", name)


@pytest.fixture
def antiphon(api: Cluster) -> Antiphon:
    """`antiphon` with that world's kubeconfig."""
    app = typer.Typer()
    for command in (get, describe, explain, top, logs, capacity, simulate):
        app.command()(command)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--kubeconfig", str(api.kubeconfig)])

    return run
