"""A small kopf operator: each Echo becomes a ConfigMap of its name that holds its text.

Built as an operator has to be to outlive the faults of an API server: what kopf reports is only a sign that a key is
due; what is to be done is read from the server. `kopf run --all-namespaces echo_operator.py`
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import aiohttp
import kopf
from kubeconfig import read_kubeconfig

log = logging.getLogger(__name__)

GROUP, VERSION, PLURAL = "echo.example.com", "v1", "echoes"
MANAGER = "echo-operator"
VISIT_SECONDS = 2.0
"""How often each Echo is visited where nothing is heard of it."""
RETRY_SECONDS = 0.5
BUSY = frozenset({429, 500, 502, 503, 504})

CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{PLURAL}.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": PLURAL, "singular": "echo", "kind": "Echo", "listKind": "EchoList"},
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
                        },
                    }
                },
            }
        ],
    },
}


class Api:
    """The few requests that the operator makes, each repeated until the server has answered it."""

    def __init__(self, kubeconfig: Path) -> None:
        found = read_kubeconfig(kubeconfig)
        self.session = aiohttp.ClientSession(
            found.server,
            connector=aiohttp.TCPConnector(ssl=found.tls or True),
            headers=found.headers,
            timeout=aiohttp.ClientTimeout(total=3),
        )

    async def send(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        while True:
            wait_seconds = RETRY_SECONDS
            try:
                async with self.session.request(method, path, json=body, **more) as answer:
                    if answer.status not in BUSY:
                        return answer.status, await answer.json()
                    wait_seconds = float(answer.headers.get("Retry-After", RETRY_SECONDS))
            except (aiohttp.ClientError, TimeoutError) as error:
                log.warning("%s %s: %r", method, path, error)
            await asyncio.sleep(wait_seconds)


async def reconcile(memo: kopf.Memo, namespace: str | None, name: str) -> None:
    """Makes the ConfigMap what the Echo asks for, whatever happened before; one visit of a key at a time."""
    assert namespace
    async with memo.locks[namespace, name]:
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}/{name}"
        code, echo = await memo.api.send("GET", path)
        if code == 404 or (code == 200 and "deletionTimestamp" in echo["metadata"]):
            await _remove(memo.api, namespace, name)
        elif code == 200:
            await _apply(memo.api, echo)
        else:
            raise kopf.TemporaryError(f"GET {path}: {code}", delay=VISIT_SECONDS)


async def _apply(api: Api, echo: Any) -> None:
    meta = echo["metadata"]
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": meta["name"], "labels": {"echo": "yes"}},
        "data": {"text": echo["spec"]["text"]},
    }
    code, answer = await api.send(
        "PATCH",
        f"/api/v1/namespaces/{meta['namespace']}/configmaps/{meta['name']}",
        config_map,
        params={"fieldManager": MANAGER, "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
    )
    if code not in (200, 201):
        raise kopf.TemporaryError(f"apply of {meta['name']}: {answer}", delay=VISIT_SECONDS)


async def _remove(api: Api, namespace: str, name: str) -> None:
    code, answer = await api.send("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/{name}")
    if code not in (200, 202, 404):
        raise kopf.TemporaryError(f"deletion of {name}: {answer}", delay=VISIT_SECONDS)


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    settings.posting.enabled = False
    settings.networking.error_backoffs = [0.2, 0.5, 1, 2, 3, 5, 5, 5]  # seconds; the server is away for 10 at most
    # A timer that runs while its Echo is deleted keeps the finalizer until it is next looked for; kopf's own is 60 s.
    settings.background.cancellation_polling = 1
    memo.api = Api(Path(os.environ["KUBECONFIG"]))
    memo.locks = defaultdict(asyncio.Lock)


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    await memo.api.session.close()


@kopf.on.login()
def log_in(**told: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_kubeconfig(**told)


@kopf.on.event(GROUP, VERSION, PLURAL)
async def hear(memo: kopf.Memo, namespace: str | None, name: str, **_: Any) -> None:
    await reconcile(memo, namespace, name)


@kopf.timer(GROUP, VERSION, PLURAL, interval=VISIT_SECONDS)
async def visit(memo: kopf.Memo, namespace: str | None, name: str, **_: Any) -> None:
    await reconcile(memo, namespace, name)
