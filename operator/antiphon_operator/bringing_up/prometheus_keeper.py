"""Runs Prometheus for a sandbox, and tells it what to scrape: `python -m ...prometheus_keeper KUBECONFIG FOLDER PORT`.

Debian's Prometheus is built without the discovery of Kubernetes, so that pods are written to files that it watches.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from antiphon_operator.asking.cluster import open_cluster
from antiphon_operator.kube.errors import KubeError
from antiphon_operator.kube.resources import PODS
from antiphon_operator.names import AGENT_LABEL, CONTROL_PORT, GROUP_LABEL, NAME_LABEL
from antiphon_operator.objects import Obj, is_going, labels_of, name_of, namespace_of

PROGRAM = "prometheus"
OPERATOR = "antiphon-operator"
_INTERVAL = "5s"
"""As in the chart: the control loop decides every 5 s."""
_KEPT = "6h"
_LOOK_AGAIN_SECONDS = 2.0
_LOST_SECONDS = 60.0
"""Without an answer of the sandbox's API for so long, the sandbox is gone, and so is the reason for all this."""
_HEALTH = "health"


def configuration(folder: Path) -> dict[str, Any]:
    """Voices with the labels that the chart's PodMonitor gives them, and the operator."""
    jobs = [
        {"job_name": name, "file_sd_configs": [{"files": [str(targets_file(folder, name))]}]}
        for name in ("voices", "operator")
    ]
    return {"global": {"scrape_interval": _INTERVAL, "scrape_timeout": "4s"}, "scrape_configs": jobs}


def targets_file(folder: Path, job: str) -> Path:
    return folder / f"{job}.json"


def voices(pods: Iterable[Obj]) -> list[dict[str, Any]]:
    """Targets and their labels."""
    return [
        _target(pod, CONTROL_PORT, agent=labels[AGENT_LABEL], group=labels.get(GROUP_LABEL, ""))
        for pod in pods
        if _address(pod) and (labels := labels_of(pod)).get(AGENT_LABEL)
    ]


def operators(pods: Iterable[Obj]) -> list[dict[str, Any]]:
    ports = (
        (pod, port["containerPort"])
        for pod in pods
        if _address(pod) and labels_of(pod).get(NAME_LABEL) == OPERATOR
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
        if port.get("name") == _HEALTH
    )
    return [_target(pod, port) for pod, port in ports]


def _target(pod: Obj, port: int, **more: str) -> dict[str, Any]:
    node = str(pod["spec"].get("nodeName") or "")
    labels = {"namespace": namespace_of(pod), "pod": name_of(pod), "node": node, **more}
    return {"targets": [f"{_address(pod)}:{port}"], "labels": labels}


def _address(pod: Obj) -> str:
    """Empty of one that has none yet, or that has ended."""
    status = pod.get("status") or {}
    ended = status.get("phase") in ("Succeeded", "Failed")
    return "" if ended or (is_going(pod) and not status.get("podIP")) else str(status.get("podIP") or "")


def write(file: Path, content: str) -> None:
    """In one step, so that nobody reads half of it; not at all where it is so already."""
    if file.exists() and file.read_text() == content:
        return
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_text(content)
    beside.replace(file)


async def keep(kubeconfig: Path, folder: Path, port: int) -> int:
    """Until told to end, until Prometheus ends, or until the sandbox is gone. Returns the exit code."""
    for job in ("voices", "operator"):
        write(targets_file(folder, job), "[]")
    write(folder / "prometheus.yml", yaml.safe_dump(configuration(folder), sort_keys=False))
    process = await asyncio.create_subprocess_exec(
        shutil.which(PROGRAM) or PROGRAM,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={_KEPT}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdin=asyncio.subprocess.DEVNULL,
    )
    ended, told, telling = await _first_of(process, kubeconfig, folder)
    telling.cancel()
    if not ended.done():
        process.terminate()
    told.cancel()
    return await process.wait()


async def _first_of(
    process: asyncio.subprocess.Process, kubeconfig: Path, folder: Path
) -> tuple[asyncio.Task[int], asyncio.Task[bool], asyncio.Task[None]]:
    is_told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, is_told.set)
    ended = asyncio.create_task(process.wait())
    told = asyncio.create_task(is_told.wait())
    telling = asyncio.create_task(_tell(kubeconfig, folder))
    await asyncio.wait((ended, told, telling), return_when=asyncio.FIRST_COMPLETED)
    return ended, told, telling


async def _tell(kubeconfig: Path, folder: Path) -> None:
    """Until the sandbox has been gone for a while."""
    heard = time.monotonic()
    while time.monotonic() - heard < _LOST_SECONDS and kubeconfig.exists():
        try:
            async with open_cluster(kubeconfig) as cluster:
                while True:
                    pods = await cluster.listing(PODS)
                    write(targets_file(folder, "voices"), json.dumps(voices(pods)))
                    write(targets_file(folder, "operator"), json.dumps(operators(pods)))
                    heard = time.monotonic()
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except (KubeError, OSError):
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)


if __name__ == "__main__":
    sys.exit(asyncio.run(keep(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
