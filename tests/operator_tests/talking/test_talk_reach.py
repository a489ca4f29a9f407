"""From a name to an address: the Service of the agent, or kubectl's port forward; and what is told where neither is."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from offline_apiserver import committed_crds
from served_api import Client, served

from antiphon_operator.commands.talk_command import Wishes, converse
from antiphon_operator.talking.call import Manner
from antiphon_operator.talking.errors import NoKeyError, NotReachedError, UnreadableError
from antiphon_operator.talking.prompt import SayText
from antiphon_operator.talking.reach import Wanted, find, reached, url
from antiphon_operator.talking.telling import TextTeller
from antiphon_sandbox.api.local import Api

ADDRESS = "127.88.7.6"
"""Where the agent's Service is: any 127.x address is this machine."""
NOBODY = "127.88.7.7"
_AGENTS = "/apis/antiphon.dev/v1alpha1/namespaces/default/voiceagents"


async def with_agents(
    folder: Path, story: Callable[[Wanted, Client], Awaitable[None]], *names: str, crds: bool = True
) -> None:
    """The story is told with a kubeconfig of an API that has these agents."""
    async with served(Api()) as client:
        for definition in committed_crds().values() if crds else ():
            await client.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        for name in names:
            answer = await client.ask("POST", _AGENTS, agent(name))
            assert answer.status == 201, answer.text
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(config(client.url)))
        await story(Wanted(names[0] if names else "hello", None, kubeconfig), client)


def config(server: str) -> Any:
    return {
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {}}],
        "current-context": "test",
    }


def agent(name: str, **spec: Any) -> Any:
    pipeline = {stage: {"model": f"{stage}-model"} for stage in ("vad", "asr", "llm", "tts")}
    scaling = {"mode": "External"}
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "VoiceAgent",
        "metadata": {"name": name},
        "spec": {"pipeline": pipeline, "scaling": scaling, **spec},
    }


async def serve_at(client: Client, name: str, address: str) -> None:
    ports = [{"port": 8080, "targetPort": 8080}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": ports}}
    service["spec"] = {"ports": ports, "clusterIP": address}
    answer = await client.ask("POST", "/api/v1/namespaces/default/services", service)
    assert answer.status == 201, answer.text


def test_the_service_is_asked_directly_where_it_can_be_reached(tmp_path: Path, stand_in: Any) -> None:
    async def story(wanted: Wanted, client: Client) -> None:
        await serve_at(client, "hello", ADDRESS)
        remarks: list[str] = []
        async with stand_in(host=ADDRESS, port=8080), reached(await find(wanted), wanted, None, remarks.append) as base:
            assert base == f"http://{ADDRESS}:8080"
        assert remarks == ["hello has no status yet: is the operator running? `antiphon doctor` tells"]

    asyncio.run(with_agents(tmp_path, story, "hello"))


def test_the_only_agent_need_not_be_named(tmp_path: Path) -> None:
    async def story(wanted: Wanted, client: Client) -> None:
        found = await find(Wanted(None, "default", wanted.kubeconfig))
        assert found.agent["metadata"]["name"] == "hello"
        await client.ask("POST", _AGENTS, agent("other"))
        with pytest.raises(UnreadableError, match="name one of hello, other"):
            await find(Wanted(None, "default", wanted.kubeconfig))

    asyncio.run(with_agents(tmp_path, story, "hello"))


def test_what_is_not_there_is_told_so(tmp_path: Path) -> None:
    async def story(wanted: Wanted, client: Client) -> None:
        with pytest.raises(NotReachedError, match="no VoiceAgent hello in namespace default"):
            await find(wanted)
        with pytest.raises(NotReachedError, match="no VoiceAgent in namespace elsewhere"):
            await find(Wanted(None, "elsewhere", wanted.kubeconfig))
        await client.ask("POST", _AGENTS, agent("hello"))
        with pytest.raises(NotReachedError, match="no Service yet"):
            async with reached(await find(wanted), wanted, None, lambda _: None):
                pass

    asyncio.run(with_agents(tmp_path, story))


def test_without_our_kinds_or_a_cluster_it_says_so(tmp_path: Path) -> None:
    async def story(wanted: Wanted, _: Client) -> None:
        with pytest.raises(NotReachedError, match="no VoiceAgent hello"):
            await find(wanted)
        with pytest.raises(NotReachedError, match="does not tell"):
            await find(Wanted(None, None, wanted.kubeconfig))

    asyncio.run(with_agents(tmp_path, story, crds=False))
    with pytest.raises(NotReachedError, match="--url"):
        asyncio.run(find(Wanted("hello", None, tmp_path / "no-kubeconfig")))


def test_a_condition_says_why_it_may_not_answer(tmp_path: Path) -> None:
    async def story(wanted: Wanted, client: Client) -> None:
        ready = {"type": "Ready", "status": "False", "reason": "Starting", "message": "1 pod loads its models"}
        change = {"status": {"phase": "Starting", "conditions": [ready]}}
        path = f"{_AGENTS}/hello/status"
        answer = await client.ask("PATCH", path, change, Content_Type="application/merge-patch+json")
        assert answer.status == 200, answer.text
        assert (await find(wanted)).trouble == "hello is Starting: 1 pod loads its models"

    asyncio.run(with_agents(tmp_path, story, "hello"))


def test_an_agent_that_wants_a_key_is_told_with_where_its_keys_are(tmp_path: Path, stand_in: Any) -> None:
    async def story(wanted: Wanted, client: Client) -> None:
        await client.ask("POST", _AGENTS, agent("locked", access={"apiKeys": {"name": "callers", "key": "a.txt"}}))
        await serve_at(client, "locked", ADDRESS)
        wishes = Wishes(Wanted("locked", None, wanted.kubeconfig), None, None, (SayText("a"),), Manner(), play=False)
        async with stand_in(handshake=web.Response(status=401), host=ADDRESS, port=8080):
            with pytest.raises(NoKeyError, match=r"get secret callers -o jsonpath='\{.data.a\\.txt\}' \| base64 -d"):
                await converse(wishes, TextTeller(io.StringIO(), io.StringIO()), io.StringIO())

    asyncio.run(with_agents(tmp_path, story))


STANDS_IN = """#!/bin/sh
# Takes kubectl's place: no control plane here has a kubelet that could forward a port.
echo "$@" > {folder}/arguments
{does}
"""


def put_kubectl(folder: Path, does: str, monkeypatch: Any) -> None:
    file = folder / "kubectl"
    file.write_text(STANDS_IN.format(folder=folder, does=does))
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_else_a_port_is_forwarded_for_as_long_as_it_is_needed(tmp_path: Path, monkeypatch: Any) -> None:
    put_kubectl(
        tmp_path,
        f"echo $$ > {tmp_path}/pid; echo 'Forwarding from 127.0.0.1:4321 -> 8080'; exec sleep 60",
        monkeypatch,
    )

    async def story(wanted: Wanted, client: Client) -> None:
        await serve_at(client, "hello", NOBODY)
        async with reached(await find(wanted), wanted, None, lambda _: None) as base:
            assert base == "http://127.0.0.1:4321"
        arguments = (tmp_path / "arguments").read_text().split()
        assert arguments[:2] == ["--kubeconfig", str(wanted.kubeconfig)]
        assert "service/hello" in arguments
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)

    asyncio.run(with_agents(tmp_path, story, "hello"))


def test_an_address_that_is_something_elses_here_is_not_talked_to(
    tmp_path: Path, monkeypatch: Any, stand_in: Any
) -> None:
    put_kubectl(tmp_path, "echo 'Forwarding from 127.0.0.1:4321 -> 8080'; exec sleep 60", monkeypatch)

    async def story(wanted: Wanted, client: Client) -> None:
        await serve_at(client, "hello", ADDRESS)
        remarks: list[str] = []
        async with (
            stand_in(host=ADDRESS, port=8080, name="stranger"),
            reached(await find(wanted), wanted, None, remarks.append) as base,
        ):
            assert base == "http://127.0.0.1:4321"
        assert f"{ADDRESS}, is answered by something else here; a port is forwarded" in remarks[-1]

    asyncio.run(with_agents(tmp_path, story, "hello"))


def test_a_forward_that_fails_says_kubectls_words(tmp_path: Path, monkeypatch: Any) -> None:
    put_kubectl(tmp_path, "echo 'error: pod is not running' >&2; exit 1", monkeypatch)

    async def story(wanted: Wanted, client: Client) -> None:
        await serve_at(client, "hello", NOBODY)
        with pytest.raises(NotReachedError, match="port-forward to hello failed: error: pod is not running"):
            async with reached(await find(wanted), wanted, None, lambda _: None):
                pass

    asyncio.run(with_agents(tmp_path, story, "hello"))


def test_without_kubectl_it_says_what_else_can_be_done(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("antiphon_operator.talking.reach.kubectl", lambda: None)

    async def story(wanted: Wanted, client: Client) -> None:
        await serve_at(client, "hello", NOBODY)
        with pytest.raises(NotReachedError, match="no kubectl to forward a port with; install kubectl"):
            async with reached(await find(wanted), wanted, None, lambda _: None):
                pass

    asyncio.run(with_agents(tmp_path, story, "hello"))


def test_addresses_of_six_become_urls_too() -> None:
    assert (url("10.0.0.1"), url("fd00::1")) == ("http://10.0.0.1:8080", "http://[fd00::1]:8080")
