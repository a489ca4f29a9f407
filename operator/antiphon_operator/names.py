"""Names, labels and annotations of what the operator makes: the one place where they are spelt."""

from __future__ import annotations

from typing import Final

MANAGER: Final = "antiphon"
"""Our field manager in server-side apply, and the value of the label managed-by."""
COMMAND: Final = "antiphon-cli"
"""Field manager of people's commands, such as `antiphon install`, and the label managed-by of what they make."""

DOMAIN: Final = "antiphon.dev"
AGENT_LABEL: Final = f"{DOMAIN}/agent"
GROUP_LABEL: Final = f"{DOMAIN}/group"
MANAGED_LABEL: Final = "app.kubernetes.io/managed-by"
NAME_LABEL: Final = "app.kubernetes.io/name"
PART_LABEL: Final = "app.kubernetes.io/part-of"

OURS: Final = f"{MANAGED_LABEL}={MANAGER},{AGENT_LABEL}"
"""Selects every child of every agent, on the API server's side."""

CONTENT_ANNOTATION: Final = f"{DOMAIN}/content"
"""Digest of the child as it was rendered: tells a field that is no longer wanted from one that never was."""
RESTART_ANNOTATION: Final = f"{DOMAIN}/restart-on"
"""Of a pod: digest of all in its configuration that needs a new process. Another value rolls the Deployment out."""
ROTATE_ANNOTATION: Final = f"{DOMAIN}/rotate-control-token"
"""Of a VoiceAgent: any new value asks for a new control token. Of its Secret: the value that was answered."""
DELETION_COST_ANNOTATION: Final = "controller.kubernetes.io/pod-deletion-cost"

VOICE_PORT: Final = 8080
CONTROL_PORT: Final = 9100
CONTAINER: Final = "voice"
CONFIG_KEY: Final = "runtime.yaml"
TOKEN_KEY: Final = "token"  # noqa: S105 (the name of a key, no secret)


def child_name(agent: str, group: str) -> str:
    """Deployment, ConfigMap, PodDisruptionBudget, NetworkPolicy, ServiceAccount and claim template of a group."""
    return f"{agent}-{group}"


def group_service_name(agent: str, group: str) -> str:
    """The Service of a group, by which other groups of the agent reach it."""
    return f"{agent}-{group}"


def headless_service_name(agent: str, group: str) -> str:
    return f"{agent}-{group}-pods"


def control_secret_name(agent: str) -> str:
    return f"{agent}-control"


def agent_labels(agent: str) -> dict[str, str]:
    """What every child carries."""
    return {MANAGED_LABEL: MANAGER, NAME_LABEL: "voice-agent", PART_LABEL: agent, AGENT_LABEL: agent}


def group_selector(agent: str, group: str) -> dict[str, str]:
    """Selects the pods of a group. A Deployment's selector can't be changed: neither can this."""
    return {AGENT_LABEL: agent, GROUP_LABEL: group}


def group_labels(agent: str, group: str) -> dict[str, str]:
    return {**agent_labels(agent), GROUP_LABEL: group}
