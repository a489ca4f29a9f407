"""`kubectl logs`: a pod's log, passed on from the node that has it."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from antiphon_sandbox.api import errors
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.kube import LogOptions
from antiphon_sandbox.objects import Obj, containers_of, name_of


async def serve_logs(api: Api, pod: Obj, request: web.BaseRequest) -> web.StreamResponse:
    """Streams until the log's end, or for as long as the container runs."""
    chunks = aiter(api.logs(pod, _options(pod, request.query)))
    first = await anext(chunks, b"")  # a refusal comes before the headers
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    try:
        await response.prepare(request)
        await response.write(first)
        async for chunk in chunks:
            await response.write(chunk)
        await response.write_eof()
    except ConnectionError:
        pass
    return response


def _options(pod: Obj, query: Mapping[str, str]) -> LogOptions:
    return LogOptions(
        container=_container(pod, query.get("container", "")),
        follow=query.get("follow") in ("true", "1"),
        previous=query.get("previous") in ("true", "1"),
        timestamps=query.get("timestamps") in ("true", "1"),
        tail_lines=_whole(query, "tailLines"),
        since_seconds=_whole(query, "sinceSeconds"),
        limit_bytes=_whole(query, "limitBytes"),
    )


def _container(pod: Obj, wanted: str) -> str:
    names = [container["name"] for container in containers_of(pod["spec"])]
    if wanted in names:
        return wanted
    own = [container["name"] for container in pod["spec"]["containers"]]
    if not wanted and len(own) == 1:
        return str(own[0])
    if not wanted:
        why = f"a container name must be specified for pod {name_of(pod)}, choose one of: [{' '.join(own)}]"
        raise errors.bad_request(why)
    raise errors.bad_request(f"container {wanted} is not valid for pod {name_of(pod)}")


def _whole(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is not None and not text.isdecimal():
        raise errors.bad_request(f'{name} "{text}"; it must be a whole number, zero or more')
    return None if text is None else int(text)
