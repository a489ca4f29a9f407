"""Port 9100: metrics, health, and the control API."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import Body, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import ValidationError

from antiphon_crds.control import Device, State, Tuning, TuningResult
from antiphon_runtime.server.pod import Pod
from antiphon_runtime.server.pod_state import state_of

_log = logging.getLogger(__name__)
_STATUS = {"StaleGeneration": 409, "Draining": 409, "NoMemory": 409, "UnknownVariant": 422, "Invalid": 422}


class ControlAccess:
    """Bearer token of a file, read anew each time, as it is rotated under us; without one only loopback may ask."""

    def __init__(self, token_file: Path | None) -> None:
        self._token_file = token_file

    def __call__(self, request: Request) -> None:
        if self._token_file is None:
            if not _is_loopback(request):
                raise HTTPException(
                    403, "the control API answers on loopback only, as no controlTokenFile is configured"
                )
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self._matches(given.strip()):
            raise HTTPException(
                401, "give the control token as Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
            )

    def _matches(self, given: str) -> bool:
        assert self._token_file is not None  # noqa: S101 (asked before)
        try:
            token = self._token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            _log.error("the control token can't be read: %s", error)
            return False
        return bool(token) and hmac.compare_digest(token.encode(), given.encode())


def control_app(pod: Pod, device: Callable[[], Device], token_file: Path | None) -> FastAPI:
    app = FastAPI(title="Antiphon runtime: control", docs_url=None, redoc_url=None)
    guarded = [Depends(ControlAccess(token_file))]
    _add_health(app, pod)

    @app.get("/control/v1/state", dependencies=guarded)
    async def state() -> Response:
        return _json(state_of(pod, device()))

    @app.put("/control/v1/tuning", dependencies=guarded)
    async def put_tuning(body: Annotated[object, Body()]) -> Response:
        """202: is being applied. 200: applied, or was already. 409 and 422: refused; the body says why."""
        try:
            tuning = Tuning.model_validate(body)
        except ValidationError as error:
            return _json(_invalid(pod, error), 422)
        result = await pod.tuner.put(tuning)
        return _json(result, 202 if result.reason == "Applying" else _STATUS.get(result.reason, 200))

    return app


def _add_health(app: FastAPI, pod: Pod) -> None:
    @app.get("/healthz")
    async def healthz() -> PlainTextResponse:
        """The process answers; a pod that could not start is not healthy."""
        return PlainTextResponse(
            "ok\n" if pod.phase != "Failed" else f"{pod.message}\n", 200 if pod.phase != "Failed" else 500
        )

    @app.get("/readyz")
    async def readyz() -> PlainTextResponse:
        """New sessions are taken."""
        return PlainTextResponse(
            "ok\n" if pod.is_ready else f"{pod.phase}: {pod.message}\n", 200 if pod.is_ready else 503
        )

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        pod.count()
        accept = request.headers.get("accept")
        body, content_type = await asyncio.to_thread(pod.metrics.exposition, accept)
        return Response(body, headers={"Content-Type": content_type})


def _invalid(pod: Pod, error: ValidationError) -> TuningResult:
    told = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'tuning'}: {each['msg']}" for each in error.errors())
    return TuningResult(accepted=False, generation=pod.tuner.wanted.generation, reason="Invalid", message=told[:2048])


def _json(answer: State | TuningResult, status: int = 200) -> JSONResponse:
    return JSONResponse(answer.to_manifest(), status)


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
