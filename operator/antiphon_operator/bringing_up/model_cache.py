"""This machine's folder of models as a volume that the pods share."""

from __future__ import annotations

from pathlib import Path

from antiphon_operator.objects import Obj

CLAIM = "antiphon-models"
_SIZE = "1Ti"
"""Of a folder of this machine nobody holds it to a size; Kubernetes asks for one."""
_MODES = ["ReadWriteMany"]


def cache_volume(folder: Path, namespace: str) -> Obj:
    """The PersistentVolume; kept for the one claim of that namespace, and never deleted with it."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{CLAIM}-{namespace}"},
        "spec": {
            "capacity": {"storage": _SIZE},
            "accessModes": _MODES,
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "hostPath": {"path": str(folder), "type": "DirectoryOrCreate"},
        },
    }


def cache_claim(namespace: str) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM, "namespace": namespace},
        "spec": {
            "accessModes": _MODES,
            "storageClassName": "",
            "volumeName": f"{CLAIM}-{namespace}",
            "resources": {"requests": {"storage": _SIZE}},
        },
    }


def with_cache(agent: Obj) -> Obj:
    """The agent with the volume as its cache of models, unless its file says something of a cache."""
    runtime = agent["spec"].get("runtime") or {}
    if runtime.get("modelCache"):
        return agent
    return {**agent, "spec": {**agent["spec"], "runtime": {**runtime, "modelCache": {"claim": CLAIM}}}}
