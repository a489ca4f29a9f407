"""What `kubectl get` shows of nodes, namespaces, events, access and what else a cluster holds."""

from __future__ import annotations

from collections.abc import Callable

from antiphon_sandbox.api.ages import Since
from antiphon_sandbox.api.table_columns import (
    AGE,
    NAME,
    NONE,
    Cell,
    Field,
    Shown,
    at,
    count,
    joined,
    length,
    number,
    wide,
)
from antiphon_sandbox.objects import Obj, condition, labels_of, walk

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE = "kubernetes.io/role"


def _node_status(node: Obj) -> str:
    ready = condition(node, "Ready")
    words = ["Unknown" if ready is None else "Ready" if ready["status"] == "True" else "NotReady"]
    return joined([*words, "SchedulingDisabled"] if walk(node, "spec", "unschedulable") else words)


def _roles(node: Obj) -> str:
    labels = labels_of(node)
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)} | {labels.get(_ROLE, "")}
    return joined(sorted(roles - {""}), NONE)


def _address(kind: str) -> Cell:
    def cell(node: Obj) -> str:
        addresses = walk(node, "status", "addresses") or ()
        return next((str(found["address"]) for found in addresses if found["type"] == kind), NONE)

    return cell


def _system(title: str, field: str) -> Shown:
    about = Field("core.v1.NodeSystemInfo", field)
    return wide(title, about, at("status", "nodeInfo", field, default="<unknown>"))


_ADDRESSES = Field("core.v1.NodeStatus", "addresses")
NODE = (
    NAME,
    Shown("Status", "The status of the node", _node_status),
    Shown("Roles", "The roles of the node", _roles),
    AGE,
    Shown(
        "Version",
        Field("core.v1.NodeSystemInfo", "kubeletVersion"),
        at("status", "nodeInfo", "kubeletVersion"),
    ),
    wide("Internal-IP", _ADDRESSES, _address("InternalIP")),
    wide("External-IP", _ADDRESSES, _address("ExternalIP")),
    _system("OS-Image", "osImage"),
    _system("Kernel-Version", "kernelVersion"),
    _system("Container-Runtime", "containerRuntimeVersion"),
)

NAMESPACE = (NAME, Shown("Status", "The status of the namespace", at("status", "phase")), AGE)


def _entries(config_map: Obj) -> int:
    return len(config_map.get("data") or ()) + len(config_map.get("binaryData") or ())


CONFIG_MAP = (NAME, Shown("Data", Field("core.v1.ConfigMap", "data"), _entries), AGE)
SECRET = (
    NAME,
    Shown("Type", Field("core.v1.Secret", "type"), at("type")),
    Shown("Data", Field("core.v1.Secret", "data"), length("data")),
    AGE,
)


def _either(*names: str) -> Callable[[Obj], str | None]:
    """A field of an Event in the words of the core group, or of events.k8s.io."""
    return lambda event: next((event[name] for name in names if event.get(name)), None)


_FIRST = _either("firstTimestamp", "deprecatedFirstTimestamp", "eventTime")
_LAST = _either("lastTimestamp", "deprecatedLastTimestamp")


def _last_seen(event: Obj) -> Since:
    series = event.get("series")
    return Since(series.get("lastObservedTime") if series else _LAST(event) or _FIRST(event))


def _times_seen(event: Obj) -> int:
    series = event.get("series")
    return series.get("count", 0) if series else event.get("count") or event.get("deprecatedCount") or 1


def _regarding(event: Obj) -> Obj:
    return event.get("involvedObject") or event.get("regarding") or {}


def _target(event: Obj) -> str:
    target = _regarding(event)
    kind, name = target.get("kind", "").lower(), target.get("name", "")
    return f"{kind}/{name}" if name else kind


def _source(event: Obj) -> str:
    source = event.get("source") or event.get("deprecatedSource") or {}
    component = source.get("component") or _either("reportingComponent", "reportingController")(event) or ""
    instance = source.get("host") or event.get("reportingInstance")
    return f"{component}, {instance}" if instance else component


def _message(event: Obj) -> str:
    return (_either("message", "note")(event) or "").strip()


def _event(field: str) -> Field:
    return Field("core.v1.Event", field)


EVENT = (
    Shown("Last Seen", _event("lastTimestamp"), _last_seen),
    Shown("Type", _event("type"), at("type")),
    Shown("Reason", _event("reason"), at("reason")),
    Shown("Object", _event("involvedObject"), _target),
    wide("Subobject", Field("core.v1.ObjectReference", "fieldPath"), lambda e: _regarding(e).get("fieldPath", "")),
    wide("Source", _event("source"), _source),
    Shown("Message", _event("message"), _message),
    wide("First Seen", _event("firstTimestamp"), lambda event: Since(_FIRST(event))),
    wide("Count", _event("count"), _times_seen),
    Shown("Name", NAME.about, NAME.cell, priority=1, format="name"),
)


def _role(binding: Obj) -> str:
    role = binding.get("roleRef") or {}
    return f"{role.get('kind', '')}/{role.get('name', '')}"


def _subjects(title: str, kind: str, place: str) -> Shown:
    def cell(binding: Obj) -> str:
        found = (subject for subject in binding.get("subjects") or () if subject["kind"] == kind)
        return ", ".join(_subject(subject) for subject in found)

    return wide(title, f"{title} in the {place}", cell)


def _subject(subject: Obj) -> str:
    name = str(subject["name"])
    return f"{subject.get('namespace', '')}/{name}" if subject["kind"] == "ServiceAccount" else name


def _binding(kind: str) -> tuple[Shown, ...]:
    place = kind[:1].lower() + kind[1:]
    return (
        NAME,
        Shown("Role", Field(f"rbac.v1.{kind}", "roleRef"), _role),
        AGE,
        _subjects("Users", "User", place),
        _subjects("Groups", "Group", place),
        _subjects("ServiceAccounts", "ServiceAccount", place),
    )


ROLE_BINDING = _binding("RoleBinding")
CLUSTER_ROLE_BINDING = _binding("ClusterRoleBinding")

LEASE = (
    NAME,
    Shown("Holder", Field("coordination.v1.LeaseSpec", "holderIdentity"), at("spec", "holderIdentity")),
    AGE,
)


def _quota(*, limits: bool) -> Cell:
    """Used of hard: what begins with `limits.`, or all else."""

    def cell(quota: Obj) -> str:
        hard, used = walk(quota, "status", "hard") or {}, walk(quota, "status", "used") or {}
        wanted = (resource for resource in sorted(hard) if resource.startswith("limits.") is limits)
        return ", ".join(f"{resource}: {used.get(resource, 0)}/{hard[resource]}" for resource in wanted)

    return cell


RESOURCE_QUOTA = (
    NAME,
    AGE,
    Shown(
        "Request",
        "Request represents a minimum amount of cpu/memory that a container may consume.",
        _quota(limits=False),
    ),
    Shown(
        "Limit",
        "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the "
        "node.",
        _quota(limits=True),
    ),
)


def _priority(field: str) -> Field:
    return Field("scheduling.v1.PriorityClass", field)


PRIORITY_CLASS = (
    NAME,
    number("Value", _priority("value"), count("value")),
    Shown("Global-Default", _priority("globalDefault"), at("globalDefault", default=False), "boolean"),
    AGE,
    Shown("PreemptionPolicy", _priority("preemptionPolicy"), at("preemptionPolicy")),
)

RUNTIME_CLASS = (NAME, Shown("Handler", "", at("handler")), AGE)

WEBHOOK_CONFIGURATION = (
    NAME,
    number(
        "Webhooks", "Webhooks indicates the number of webhooks registered in this configuration", length("webhooks")
    ),
    AGE,
)
