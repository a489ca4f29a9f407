"""The one container of a voice pod."""

from __future__ import annotations

from antiphon_operator import names
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan, RenderSettings
from antiphon_operator.rendering.pod_resources import container_resources
from antiphon_operator.rendering.pod_volumes import (
    CONFIG_FILE,
    MODELS_FOLDER,
    SCRATCH_FOLDER,
    TOKEN_FILE,
    PodVolume,
    keys_file,
)

_FROM_THE_POD = {
    "POD_IP": "status.podIP",
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
    "NODE_NAME": "spec.nodeName",
}
_SETTLE_SECONDS = 3
"""Between a pod's leaving its Services and its refusal of new calls: until then callers may still be sent to it."""


def voice_container(plan: AgentPlan, group_plan: GroupPlan, settings: RenderSettings, volumes: list[PodVolume]) -> Obj:
    container: Obj = {
        "name": names.CONTAINER,
        "image": plan.resolution.agent.spec.runtime.image or settings.runtime_image,
        "args": _arguments(plan, group_plan),
        "env": _environment(),
        "ports": [
            {"name": "voice", "containerPort": names.VOICE_PORT, "protocol": "TCP"},
            {"name": "control", "containerPort": names.CONTROL_PORT, "protocol": "TCP"},
        ],
        "resources": container_resources(plan, group_plan),
        "volumeMounts": [volume.mount for volume in volumes],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": _SETTLE_SECONDS}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **_probes(),
    }
    policy = settings.image_pull_policy
    return {**container, "imagePullPolicy": policy} if policy else container


def _arguments(plan: AgentPlan, group_plan: GroupPlan) -> list[str]:
    """Every path that is a volume's is given here, where the sandbox can put another in its place."""
    keys = keys_file(plan, group_plan)
    return [
        "serve",
        *("--config", CONFIG_FILE),
        *("--host", "$(POD_IP)"),
        *("--models", MODELS_FOLDER),
        *("--control-token-file", TOKEN_FILE),
        *(("--api-keys-file", keys) if keys else ()),
    ]


def _environment() -> list[Obj]:
    """Home is where engines keep their caches; the name is for libraries that ask whose home, and find no such user."""
    facts = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in _FROM_THE_POD.items()]
    return [*facts, {"name": "HOME", "value": SCRATCH_FOLDER}, {"name": "USER", "value": "antiphon"}]


def _probes() -> Obj:
    """The process has 3 minutes to answer at all. Models may take as long as they do: until then it is alive and not ready."""
    return {
        "startupProbe": _probe("/healthz", period_seconds=2, failures=90),
        "livenessProbe": _probe("/healthz", period_seconds=10, failures=6),
        "readinessProbe": _probe("/readyz", period_seconds=2, failures=3),
    }


def _probe(path: str, *, period_seconds: int, failures: int) -> Obj:
    return {
        "httpGet": {"path": path, "port": "control"},
        "periodSeconds": period_seconds,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
