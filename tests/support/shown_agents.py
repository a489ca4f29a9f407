"""Agents with a status that a test has written, as an operator would have."""

from __future__ import annotations

from typing import Any

from manifest_files import REPOSITORY, documents
from watching import Obj

from cluster import Cluster

_SINCE = "2026-05-01T11:00:00Z"
CONDITIONS = [
    {"type": "Accepted", "status": "True", "reason": "Valid", "lastTransitionTime": _SINCE},
    {
        "type": "Ready",
        "status": "False",
        "reason": "Starting",
        "message": "no pod is ready",
        "lastTransitionTime": _SINCE,
    },
]


def make_agent(cluster: Cluster, namespace: str, name: str, **status: Any) -> Obj:
    """The example's agent under another name; with a status where one is given."""
    (document,) = documents(REPOSITORY / "examples" / "hello-world.yaml")
    made = cluster.make({**document.data, "metadata": {"name": name}}, namespace)
    if not status:
        return made
    answer = cluster.update({**made, "status": {"observedGeneration": 1, **status}}, namespace, "status")
    assert answer.status == 200, answer
    return answer.body
