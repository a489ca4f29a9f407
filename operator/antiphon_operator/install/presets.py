"""The ready SLAPolicies and VoiceModels that a platform team can begin with."""

from __future__ import annotations

from antiphon_crds.definitions import DEFINITIONS
from antiphon_operator.asking.cluster import resource_of
from antiphon_operator.bringing_up.world_files import read_presets
from antiphon_operator.install.errors import InstallError
from antiphon_operator.kube.resources import Resource
from antiphon_operator.objects import Obj

_RESOURCES = {definition.kind: resource_of(definition) for definition in DEFINITIONS}


def presets() -> list[tuple[Resource, Obj]]:
    """InstallError where this installation of the package has none."""
    found = [(_RESOURCES[obj["kind"]], obj) for obj in read_presets()]
    if not found:
        raise InstallError("this installation of antiphon has no presets; apply the files in policies/ with kubectl")
    return found
