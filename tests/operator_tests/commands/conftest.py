"""An API of its own for the commands under test, with our kinds, and the commands as a user runs them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sandbox
import typer
from click.testing import Result
from cluster import Cluster
from offline_apiserver import committed_crds
from typer.testing import CliRunner

from antiphon_operator.commands.describe_command import describe
from antiphon_operator.commands.get_command import get
from antiphon_operator.commands.logs_command import logs

Antiphon = Callable[..., Result]


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The sandbox's API, alone: nobody but the test writes a status."""
    kubeconfig = tmp_path_factory.mktemp("api") / "kubeconfig"
    with sandbox.running("api", "--kubeconfig", kubeconfig):
        cluster = Cluster(kubeconfig)
        for definition in committed_crds().values():
            cluster.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        yield cluster


@pytest.fixture
def antiphon(api: Cluster) -> Antiphon:
    app = typer.Typer()
    for command in (get, describe, logs):
        app.command()(command)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--kubeconfig", str(api.kubeconfig)])

    return run


@pytest.fixture
def presets() -> Path:
    return Path(__file__).parents[3] / "policies"
