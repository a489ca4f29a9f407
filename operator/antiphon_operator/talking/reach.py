"""From the name of an agent to an address: its Service directly, or through `kubectl port-forward`."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from antiphon_operator.kube.access import load_access
from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.errors import AccessError, ApiError, ForbiddenError
from antiphon_operator.kube.resources import SERVICES, VOICE_AGENTS
from antiphon_operator.kube.session import Connection
from antiphon_operator.names import VOICE_PORT
from antiphon_operator.objects import Obj, name_of, namespace_of
from antiphon_operator.talking.errors import NotReachedError, UnreadableError
from antiphon_operator.talking.wire import headers

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 3.0
FORWARD_SECONDS = 15.0
_SOMETHING_ELSE = "is answered by something else here"
_FORWARDED = re.compile(r"Forwarding from (127\.0\.0\.1|\[::1\]):(\d+) ->")


@dataclass(frozen=True)
class Wanted:
    """Which agent, of which cluster."""

    agent: str | None = None
    """None: the only one of the namespace."""
    namespace: str | None = None
    """None: the context's."""
    kubeconfig: Path | None = None
    context: str | None = None


@dataclass(frozen=True)
class Found:
    """An agent as the cluster has it."""

    agent: Obj
    address: str
    """Of its Service, which is reached from inside. Empty: it has none."""

    @property
    def key_hint(self) -> str:
        """How to read a key, where the agent wants one. Empty: it wants none."""
        keys = self.agent["spec"].get("access", {}).get("apiKeys")
        if not keys:
            return ""
        namespace, key = namespace_of(self.agent), str(keys.get("key") or "keys").replace(".", "\\.")
        return (
            f"; its keys are in Secret {keys['name']}: kubectl -n {namespace} get secret {keys['name']}"
            f" -o jsonpath='{{.data.{key}}}' | base64 -d"
        )

    @property
    def trouble(self) -> str:
        """Why it may not answer. Empty: it is ready."""
        status = self.agent.get("status") or {}
        ready = next((each for each in status.get("conditions") or () if each["type"] == "Ready"), None)
        if ready is None:
            return f"{name_of(self.agent)} has no status yet: is the operator running? `antiphon doctor` tells"
        if ready["status"] == "True":
            return ""
        return (
            f"{name_of(self.agent)} is {status.get('phase') or 'not ready'}: {ready.get('message') or ready['reason']}"
        )


async def find(wanted: Wanted) -> Found:
    """Raises NotReachedError, or UnreadableError where it is not clear which agent is meant."""
    try:
        access = load_access(wanted.kubeconfig, wanted.context)
        async with Connection(access) as connection:
            kube = Kube(connection)
            agent = await _agent(kube, wanted.agent, wanted.namespace or access.default_namespace)
            service = await kube.get(SERVICES, name_of(agent), namespace_of(agent))
    except AccessError as error:
        raise NotReachedError(f"{error}; or give the agent's address with --url") from error
    except ForbiddenError as error:
        raise NotReachedError(
            f"you may not look for it: {error}; `antiphon doctor --only your-rights` tells more"
        ) from error
    except ApiError as error:
        raise NotReachedError(f"the cluster does not tell where it is: {error}") from error
    address = (service or {}).get("spec", {}).get("clusterIP") or ""
    return Found(agent, "" if address == "None" else address)


@asynccontextmanager
async def reached(found: Found, wanted: Wanted, key: str | None, remark: Callable[[str], None]) -> AsyncIterator[str]:
    """Address of the agent, for as long as the context lasts. Raises NotReachedError."""
    name = name_of(found.agent)
    if found.trouble:
        remark(found.trouble)
    if not found.address:
        raise NotReachedError(f"{name} has no Service yet; `antiphon describe {name}` tells why")
    other = await _who_else(found, key)
    if other is None:
        yield url(found.address)
        return
    program = kubectl()
    if program is None:
        raise NotReachedError(
            f"{name}'s address in the cluster, {found.address}, {other}, and there is no kubectl to forward a port with;"
            " install kubectl, or give an address that can be reached with --url"
        )
    remark(f"{name}'s address in the cluster, {found.address}, {other}; a port is forwarded")
    async with forwarded([program, *_options(wanted)], name, namespace_of(found.agent)) as address:
        yield address


def url(address: str) -> str:
    return f"http://{f'[{address}]' if ':' in address else address}:{VOICE_PORT}"


def kubectl() -> str | None:
    """On the PATH, or beside this Python, where a wheel puts it."""
    beside = Path(sys.executable).with_name("kubectl")
    return shutil.which("kubectl") or (str(beside) if beside.exists() else None)


@asynccontextmanager
async def forwarded(
    command: Sequence[str], name: str, namespace: str, *, kind: str = "service", port: int = VOICE_PORT
) -> AsyncIterator[str]:
    """A local address that leads to the port, as long as the context lasts. `command`: kubectl and its options."""
    arguments = [
        "port-forward",
        "--namespace",
        namespace,
        "--address",
        "127.0.0.1",
        f"{kind}/{name}",
        f":{port}",
    ]
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(*command, *arguments, stdout=pipe, stderr=pipe)
    assert program.stdout is not None and program.stderr is not None  # noqa: S101, PT018 (pipes were asked for)
    errors = asyncio.create_task(program.stderr.read())
    tasks = [errors]
    try:
        local_port = await _forwarded_port(program.stdout)
        if local_port is None:
            raise NotReachedError(f"kubectl port-forward to {name} failed: {await _last_words(errors)}")
        tasks.append(asyncio.create_task(program.stdout.read()))  # so that it never waits for us to read
        yield f"http://127.0.0.1:{local_port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            program.terminate()
        await program.wait()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _forwarded_port(output: asyncio.StreamReader) -> int | None:
    """None: it has ended, or says nothing."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FORWARD_SECONDS):
            while line := await output.readline():
                if told := _FORWARDED.search(line.decode(errors="replace")):
                    return int(told[2])
    return None


async def _last_words(errors: asyncio.Task[bytes]) -> str:
    done, _ = await asyncio.wait((errors,), timeout=1.0)
    lines = errors.result().decode(errors="replace").strip().splitlines() if done else []
    return lines[-1] if lines else f"no word within {FORWARD_SECONDS:g} s"


async def _agent(kube: Kube, name: str | None, namespace: str) -> Obj:
    if name is not None:
        agent = await kube.get(VOICE_AGENTS, name, namespace)
        if agent is None:
            raise NotReachedError(
                f"there is no VoiceAgent {name} in namespace {namespace}; `antiphon get -A` lists them"
            )
        return agent
    agents = (await kube.list(VOICE_AGENTS, namespace)).items
    if not agents:
        raise NotReachedError(f"there is no VoiceAgent in namespace {namespace}; choose another one with -n")
    if len(agents) > 1:
        raise UnreadableError(f"there are several agents in {namespace}; name one of {', '.join(map(name_of, agents))}")
    return agents[0]


async def _who_else(found: Found, key: str | None) -> str | None:
    """None where the agent itself answers. Addresses of a cluster may mean something else here: another cluster's, a LAN's."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=CONNECT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(f"{url(found.address)}/v1/models", headers=headers(key)) as answer,
        ):
            if answer.status == 401 and found.key_hint:
                return None
            models = (await answer.json())["data"] if answer.status == 200 else []
            names = [model["id"] for model in models]
    except (aiohttp.ClientConnectorError, TimeoutError, OSError):
        return "does not answer here"
    except (aiohttp.ClientError, ValueError, KeyError, TypeError):
        return _SOMETHING_ELSE
    return None if name_of(found.agent) in names else _SOMETHING_ELSE


def _options(wanted: Wanted) -> list[str]:
    given = {"--kubeconfig": wanted.kubeconfig, "--context": wanted.context}
    return [text for name, value in given.items() if value for text in (name, str(value))]
