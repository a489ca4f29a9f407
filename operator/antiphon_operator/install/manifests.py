"""The operator's manifests, as the chart renders them, with the few choices of `antiphon install` made. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from antiphon_crds.definitions import DEFINITIONS, custom_resource_definition
from antiphon_operator.images import OPERATOR_IMAGE, RUNTIME_IMAGE
from antiphon_operator.install.kinds import place_of
from antiphon_operator.install.labels import NAMESPACE, WATCHED
from antiphon_operator.kube.resources import DEPLOYMENTS
from antiphon_operator.objects import Obj


@dataclass(frozen=True)
class Choices:
    """What an administrator chooses; all else is as in the chart's values."""

    namespace: str = NAMESPACE
    image: str = OPERATOR_IMAGE
    runtime_image: str = RUNTIME_IMAGE
    replicas: int = 2
    watch_namespaces: tuple[str, ...] = ()
    """Namespaces that the operator is confined to. Empty: it serves all."""
    prometheus_url: str | None = None
    """Where the control loop asks Prometheus."""


def operator_objects(choices: Choices) -> list[Obj]:
    """In the order of applying."""
    file = "manifests-by-namespace.yaml" if choices.watch_namespaces else "manifests.yaml"
    objects = [chosen for obj in copy.deepcopy(_read(file)) for chosen in _placed(obj, choices)]
    for obj in objects:
        if obj["kind"] == DEPLOYMENTS.kind:
            _choose(obj, choices)
    return sorted(objects, key=place_of)


def definitions() -> list[Obj]:
    """Our CustomResourceDefinitions."""
    return [custom_resource_definition(definition) for definition in DEFINITIONS]


@cache
def _read(file: str) -> list[Obj]:
    text = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    return list(yaml.safe_load_all(text))


def _placed(obj: Obj, choices: Choices) -> Iterator[Obj]:
    """Once, or once for each namespace that is watched."""
    for subject in obj.get("subjects") or ():
        subject["namespace"] = choices.namespace
    match obj["metadata"].get("namespace"):
        case None:
            yield obj
        case namespace if namespace == WATCHED:
            yield from (_moved(obj, each) for each in choices.watch_namespaces)
        case _:
            yield _moved(obj, choices.namespace)


def _moved(obj: Obj, namespace: str) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}


def _choose(deployment: Obj, choices: Choices) -> None:
    deployment["spec"]["replicas"] = choices.replicas
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["image"] = choices.image
    container["args"] = list(_arguments(container["args"], choices))


def _arguments(given: list[str], choices: Choices) -> Iterator[str]:
    """With the choices in the place of what the chart's values say."""
    words = iter(given)
    for word in words:
        match word:
            case "--runtime-image":
                next(words)
                yield from (word, choices.runtime_image)
            case "--namespace":
                next(words)
                for namespace in choices.watch_namespaces:
                    yield from (word, namespace)
            case _:
                yield word
    if choices.prometheus_url:
        yield from ("--prometheus-url", choices.prometheus_url)
