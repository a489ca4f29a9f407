"""The Pod Security Standard "restricted", as Kubernetes' documentation has it, judged on the spec of a pod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
    "image",  # since 1.33 (kubernetes/kubernetes#130394); the documentation does not list it yet
}  # fmt: skip
_SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
}  # fmt: skip
_SELINUX_TYPES = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_PROFILES = ("RuntimeDefault", "Localhost")
_HANDLERS = ("livenessProbe", "readinessProbe", "startupProbe")


def restricted_violations(spec: dict[str, Any]) -> list[str]:
    """What the standard has against the pod; empty where it is met."""
    pod = spec.get("securityContext") or {}
    found = [*_of_pod(spec, pod), *_of_context("pod", pod)]
    kinds = ("initContainers", "containers", "ephemeralContainers")
    for container in (container for kind in kinds for container in spec.get(kind) or ()):
        found += _of_container(container, pod)
    return found


def _of_pod(spec: dict[str, Any], pod: dict[str, Any]) -> Iterator[str]:
    yield from (f"{field} is set" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field))
    yield from (f"sysctl {each['name']}" for each in pod.get("sysctls") or () if each["name"] not in _SYSCTLS)
    for volume in spec.get("volumes") or ():
        kinds = set(volume) - {"name"}
        if not kinds <= _VOLUMES:
            yield f"volume {volume['name']} is a {', '.join(kinds - _VOLUMES)}"


def _of_container(container: dict[str, Any], pod: dict[str, Any]) -> Iterator[str]:
    name, own = container["name"], container.get("securityContext") or {}
    yield from _of_context(name, own)
    both = {**pod, **own}
    if both.get("runAsNonRoot") is not True:
        yield f"{name}: runAsNonRoot is not true"
    if (both.get("seccompProfile") or {}).get("type") not in _PROFILES:
        yield f"{name}: there is no seccomp profile"
    yield from _of_rights(name, own)
    yield from (f"{name}: hostPort" for port in container.get("ports") or () if port.get("hostPort"))
    hooks = [*(container.get(kind) for kind in _HANDLERS), *(container.get("lifecycle") or {}).values()]
    calls = [hook.get(way) or {} for hook in hooks if hook for way in ("httpGet", "tcpSocket")]
    yield from (f"{name}: a probe or hook asks host {call['host']}" for call in calls if call.get("host"))


def _of_rights(name: str, own: dict[str, Any]) -> Iterator[str]:
    if own.get("privileged"):
        yield f"{name}: privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: allowPrivilegeEscalation is not false"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        yield f"{name}: capabilities.drop has not ALL"
    if added := set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}:
        yield f"{name}: capabilities {', '.join(sorted(added))} are added"
    if own.get("procMount") not in (None, "Default"):
        yield f"{name}: procMount is {own['procMount']}"


def _of_context(name: str, context: dict[str, Any]) -> Iterator[str]:
    """What a pod and a container may both say."""
    if context.get("runAsUser") == 0:
        yield f"{name}: runAsUser is 0"
    if context.get("runAsNonRoot") is False:
        yield f"{name}: runAsNonRoot is false"
    if (context.get("seccompProfile") or {}).get("type") == "Unconfined":
        yield f"{name}: seccomp is off"
    if (context.get("appArmorProfile") or {}).get("type") == "Unconfined":
        yield f"{name}: AppArmor is off"
    selinux = context.get("seLinuxOptions") or {}
    if selinux.get("type") not in _SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield f"{name}: SELinux options {selinux}"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield f"{name}: hostProcess"
