"""The API with an SQLite file is killed and started anew: nothing is lost, and who used it goes on."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from echo_operator import CRD, GROUP, PLURAL
from echoes import CRD_PATH, Echoes, echo_crd, running_operator
from kubeconfig import write_kubeconfig
from offline_apiserver import REPOSITORY
from urllib3.exceptions import HTTPError

import sandbox
from cluster import APPLY, Answer, Cluster


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Server:
    """One port and one file, and the processes that serve them one after the other."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.kubeconfig = write_kubeconfig(folder / "kubeconfig", f"http://127.0.0.1:{self.port}")
        self.file = folder / "objects.sqlite"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = sandbox.started(["api", "--port", str(self.port), "--sqlite", self.file])

    def kill(self) -> None:
        """As by `kill -9`: no chance to write anything more."""
        assert self._process
        self._process.kill()
        self._process.wait()
        self.end()

    def end(self) -> None:
        if self._process:
            sandbox.end(self._process)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path)
    found.start()
    yield found
    found.end()


@pytest.fixture
def cluster(server: Server) -> Cluster:
    return Cluster(server.kubeconfig)


def _config_map(name: str, text: str = "one") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": text}}


def _everything(cluster: Cluster) -> dict[str, Any]:
    """All objects of several kinds, to the byte: uids, resourceVersions and managed fields too."""
    paths = [CRD_PATH, f"/apis/{GROUP}/v1/{PLURAL}", "/api/v1/namespaces", "/api/v1/configmaps", "/api/v1/secrets"]
    answers = {path: cluster.request("GET", path) for path in paths}
    assert all(answer.status == 200 for answer in answers.values()), answers
    return {path: answer.body["items"] for path, answer in answers.items()}


def test_objects_survive_to_the_byte(server: Server, cluster: Cluster) -> None:
    cluster.kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
    assert cluster.request("POST", CRD_PATH, CRD).status == 201
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
    cluster.kubectl("create", "namespace", "other")
    Echoes(cluster, "other").make("one", "two")
    cluster.make(_config_map("kept"), "default")
    cluster.make(_config_map("deleted"), "default")
    cluster.delete("ConfigMap", "deleted", "default")
    cluster.apply(_config_map("applied"), "default", "somebody")
    before = _everything(cluster)
    server.kill()
    server.start()
    assert _everything(cluster) == before
    assert cluster.read("ConfigMap", "deleted", "default").status == 404


def test_revisions_go_on_where_they_were(server: Server, cluster: Cluster) -> None:
    cluster.make(_config_map("kept"), "default")
    cluster.make(_config_map("deleted"), "default")
    cluster.delete("ConfigMap", "deleted", "default")
    last = int(cluster.listing("ConfigMap", "default").revision)
    server.kill()
    server.start()
    assert int(cluster.listing("ConfigMap", "default").revision) >= last
    new = cluster.make(_config_map("new"), "default")
    assert int(new["metadata"]["resourceVersion"]) > last, "the deletion was the last revision that anybody saw"


def test_a_conflict_is_still_one(server: Server, cluster: Cluster) -> None:
    old = cluster.make(_config_map("kept"), "default")
    cluster.apply(_config_map("applied"), "default", "somebody")
    cluster.patch("ConfigMap", "kept", "default", {"data": {"text": "two"}})
    server.kill()
    server.start()
    assert cluster.update(old, "default").status == 409
    assert cluster.apply(_config_map("applied", "two"), "default", "another").status == 409
    assert cluster.apply(_config_map("applied", "two"), "default", "somebody").status == 200


def test_a_watch_from_before_goes_on_or_is_told_to_list_again(server: Server, cluster: Cluster) -> None:
    cluster.make(_config_map("before"), "default")
    since = cluster.listing("ConfigMap", "default").revision
    server.kill()
    server.start()
    cluster.make(_config_map("after"), "default")
    event = next(cluster.watch("ConfigMap", "default", since))
    heard = (event.type, event.object.get("code") or event.name)
    assert heard in [("ADDED", "after"), ("ERROR", 410)]
    cluster.wait("ConfigMap", "after", "default", lambda _: True)


def test_what_was_answered_is_there_after_a_kill_amid_writes(server: Server, cluster: Cluster) -> None:
    answered: dict[str, str] = {}
    enough = threading.Event()

    def write() -> None:
        for number in range(100_000):
            try:
                answer = _put(cluster, f"n{number % 50}", f"round {number}")
            except (HTTPError, OSError):
                return
            answered[f"n{number % 50}"] = answer.revision
            if number == 300:
                enough.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert enough.wait(60)
    server.kill()
    writer.join()
    server.start()
    found = {
        one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in cluster.items("ConfigMap", "default")
    }
    lost = {name: revision for name, revision in answered.items() if int(found.get(name, "0")) < int(revision)}
    assert not lost


def _put(cluster: Cluster, name: str, text: str) -> Answer:
    """An apply that is not repeated when the server is gone."""
    path = f"/api/v1/namespaces/default/configmaps/{name}"
    return cluster.request("PATCH", path, _config_map(name, text), {"fieldManager": "writer"}, APPLY)


def test_an_operator_goes_on_without_a_restart(server: Server, cluster: Cluster, tmp_path: Path) -> None:
    log = tmp_path / "operator.log"
    with echo_crd(cluster), running_operator(server.kubeconfig, log) as operator:
        echoes = Echoes(cluster, "default")
        echoes.make("stays", "changes", "goes")
        uids = {found["metadata"]["name"]: found["metadata"]["uid"] for found in echoes.wait()}
        for round_ in ("one", "two"):
            echoes.change(f"just before kill {round_}", "changes")
            echoes.make(f"made-before-{round_}")
            server.kill()
            server.start()
            echoes.make(f"made-after-{round_}")
            echoes.change(f"after kill {round_}", f"made-before-{round_}")
            echoes.delete(*({"goes"} & echoes.texts.keys()))
            echoes.wait()
        (kept,) = [found for found in echoes.wait() if found["metadata"]["name"] == "stays"]
        assert kept["metadata"]["uid"] == uids["stays"]
        assert operator.poll() is None, log.read_text()[-5000:]
        echoes.delete(*echoes.texts)
        echoes.wait()
