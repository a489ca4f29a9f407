"""Defaults of namespaces, nodes, configuration, definitions of kinds, and what tokens are asked for."""

from __future__ import annotations

from base64 import b64encode

from antiphon_sandbox.objects import Obj, name_of

NAME_LABEL = "kubernetes.io/metadata.name"
_LIMIT_ROUNDS = (("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min"))


def set_namespace_defaults(namespace: Obj) -> None:
    if namespace["metadata"].get("name"):
        namespace["metadata"].setdefault("labels", {}).setdefault(NAME_LABEL, name_of(namespace))


def prepare_namespace(namespace: Obj) -> None:
    finalizers = namespace["spec"].setdefault("finalizers", [])
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")
    namespace["status"].setdefault("phase", "Active")


def set_node_defaults(node: Obj) -> None:
    status = node["status"]
    if "allocatable" not in status and "capacity" in status:
        status["allocatable"] = dict(status["capacity"])


def set_secret_defaults(secret: Obj) -> None:
    """What is given as text is stored with the rest."""
    secret.setdefault("type", "Opaque")
    if texts := secret.pop("stringData", None):
        data = secret.setdefault("data", {})
        data.update({key: b64encode((text or "").encode()).decode() for key, text in texts.items()})


def set_limit_range_defaults(limit_range: Obj) -> None:
    for item in limit_range["spec"].get("limits") or ():
        if item.get("type") == "Container":
            for name, source in _LIMIT_ROUNDS:
                for resource, amount in (item.get(source) or {}).items():
                    item.setdefault(name, {}).setdefault(resource, amount)


def prepare_claim(claim: Obj) -> None:
    """A new PersistentVolumeClaim, or volume, waits."""
    claim["status"].setdefault("phase", "Pending")


def set_definition_defaults(definition: Obj) -> None:
    """Of a CustomResourceDefinition."""
    spec = definition["spec"]
    names = spec["names"]
    if names["kind"]:
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    conversion = spec.setdefault("conversion", {})
    conversion["strategy"] = conversion.get("strategy") or "None"
    if service := ((conversion.get("webhook") or {}).get("clientConfig") or {}).get("service"):
        service.setdefault("port", 443)


def prepare_definition(definition: Obj) -> None:
    """The version that objects are stored in is one of those that there may be objects in."""
    stored = definition["status"].setdefault("storedVersions", [])
    for version in definition["spec"].get("versions") or ():
        if version.get("storage") and version["name"] not in stored:
            stored.append(version["name"])


def set_token_request_defaults(request: Obj) -> None:
    request["spec"].setdefault("expirationSeconds", 3600)
