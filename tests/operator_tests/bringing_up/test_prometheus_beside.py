"""Prometheus beside a sandbox: what it is told to scrape, and that it comes up once and ends."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from rendered_chart import MONITORED, rendered, the_only

from antiphon_operator.bringing_up.errors import BringingUpError
from antiphon_operator.bringing_up.prometheus_beside import PrometheusBeside
from antiphon_operator.bringing_up.prometheus_keeper import configuration, operators, voices, write
from antiphon_operator.names import AGENT_LABEL, GROUP_LABEL, NAME_LABEL

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="there is no prometheus (Debian: prometheus)"
)


def pod(name: str, labels: dict[str, str], ip: str | None = "127.5.0.1", **status: str) -> dict[str, Any]:
    container = {"name": "one", "ports": [{"name": "health", "containerPort": 8081}]}
    return {
        "metadata": {"namespace": "team", "name": name, "labels": labels},
        "spec": {"nodeName": "local", "containers": [container]},
        "status": {**({"podIP": ip} if ip else {}), **status},
    }


VOICE = {AGENT_LABEL: "hello", GROUP_LABEL: "main"}


def test_voices_have_the_labels_that_the_chart_gives_them() -> None:
    (target,) = voices([pod("a", VOICE), pod("other", {"app": "x"})])
    assert target["targets"] == ["127.5.0.1:9100"]
    assert target["labels"] == {"namespace": "team", "pod": "a", "node": "local", "agent": "hello", "group": "main"}
    (endpoint,) = the_only("PodMonitor", rendered(MONITORED))["spec"]["podMetricsEndpoints"]
    by_rule = {rule["targetLabel"] for rule in endpoint["relabelings"]}
    assert set(target["labels"]) == by_rule | {"namespace", "pod"}, "the Prometheus operator adds the last two"
    assert configuration(Path("f"))["global"]["scrape_interval"] == endpoint["interval"]


def test_pods_that_can_not_be_scraped_are_left_out() -> None:
    assert voices([pod("unborn", VOICE, ip=None), pod("done", VOICE, phase="Succeeded")]) == []


def test_the_operator_is_scraped_at_its_port() -> None:
    (target,) = operators([pod("operator", {NAME_LABEL: "antiphon-operator"}), pod("a", VOICE)])
    assert target["targets"] == ["127.5.0.1:8081"]


def test_a_file_is_written_only_where_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "voices.json"
    write(file, "[]")
    before = file.stat().st_mtime_ns, file.stat().st_ino
    write(file, "[]")
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before
    write(file, "[1]")
    assert (file.read_text(), list(tmp_path.iterdir())) == ("[1]", [file])


@needs_prometheus
def test_it_comes_up_once_and_ends(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(_nowhere()))
    beside = PrometheusBeside(kubeconfig)

    async def scenario() -> None:
        url = await beside.bring_up()
        assert await beside.bring_up() == url
        async with aiohttp.ClientSession() as http, http.get(f"{url}/api/v1/status/config") as answer:
            config = yaml.safe_load((await answer.json())["data"]["yaml"])
        assert [job["job_name"] for job in config["scrape_configs"]] == ["voices", "operator"]
        assert json.loads((beside.folder / "running.json").read_text())["port"] == int(url.rpartition(":")[2])

    try:
        asyncio.run(scenario())
    finally:
        assert beside.end()
    assert not beside.folder.exists()
    assert not beside.end()


def _nowhere() -> dict[str, Any]:
    """A cluster that does not answer."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {}}],
    }


def test_without_the_program_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BringingUpError, match="apt-get install prometheus"):
        asyncio.run(PrometheusBeside(tmp_path / "kubeconfig").bring_up())
