"""URLs of resources and objects."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from antiphon_operator.kube.resources import Resource


def collection_path(resource: Resource, namespace: str = "") -> str:
    """Of all namespaces where none is given."""
    root = f"/apis/{resource.group}" if resource.group else "/api"
    within = f"namespaces/{quote(namespace, safe='')}/" if namespace and resource.namespaced else ""
    return f"{root}/{resource.version}/{within}{resource.plural}"


def object_path(resource: Resource, name: str, namespace: str = "", subresource: str = "") -> str:
    """ValueError where it would be the path of something else."""
    if not name:
        raise ValueError(f"{resource}: an object needs a name")
    if resource.namespaced and not namespace:
        raise ValueError(f"{resource} {name!r}: an object of this resource needs a namespace")
    path = f"{collection_path(resource, namespace)}/{quote(name, safe='')}"
    return f"{path}/{subresource}" if subresource else path


def group_version_path(resource: Resource) -> str:
    return f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"


def with_query(path: str, **query: str | int | None) -> str:
    """Empty ones are left out."""
    said = {name: value for name, value in query.items() if value not in ("", None)}
    return f"{path}?{urlencode(said)}" if said else path
