"""The program of a container: its command, variables and folder, from the pod and from its image's entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from antiphon_sandbox.nodes.child import Program, StartError
from antiphon_sandbox.nodes.configuration_refs import Configuration
from antiphon_sandbox.nodes.downward import PodFacts
from antiphon_sandbox.nodes.environment import container_variables, expand
from antiphon_sandbox.nodes.images import Image
from antiphon_sandbox.nodes.leftovers import passed_on
from antiphon_sandbox.nodes.volumes import Mounts, mount_all
from antiphon_sandbox.objects import Obj, name_of

TERMINATION_PATH = "/dev/termination-log"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container's program is composed from, beside the container itself."""

    facts: PodFacts
    configuration: Configuration
    volumes: Mapping[str, Path]
    folder: Path
    """The container's own: its home, and where it runs unless it says where."""
    extra: Mapping[str, str]
    """Variables that the sandbox gives to every container."""

    @property
    def termination_file(self) -> Path:
        return self.folder / ".termination-log"


def program_of(container: Obj, image: Image, around: Surroundings) -> tuple[Program, Mounts]:
    """With where its mounts really are.

    MissingConfigurationError and UnknownFieldError when it can't be composed; StartError when it is empty.
    """
    own = container_variables(container, around.facts, around.configuration)
    real, mount_variables = mount_all(container, around.volumes, lambda text: expand(text, own))
    termination_path = container.get("terminationMessagePath") or TERMINATION_PATH
    mounts = Mounts({termination_path: str(around.termination_file)} | real)
    argv = [mounts.real(expand(part, own)) for part in _said(container)]
    if not container.get("command"):
        entry = [*image.command, *([] if argv else image.args)]
        argv = [*(_with_address(part, around) for part in entry), *argv]
    if not argv:
        raise StartError(f"no command specified: neither the container nor the image {container['image']!r} has one")
    images_own = {name: _with_address(value, around) for name, value in image.env.items()}
    variables = _base(around) | images_own | {name: mounts.real(value) for name, value in own.items()}
    folder = Path(mounts.real(container["workingDir"])) if container.get("workingDir") else around.folder
    return Program(argv, variables | mount_variables | dict(around.extra), folder), mounts


def _said(container: Obj) -> list[str]:
    return [*(container.get("command") or ()), *(container.get("args") or ())]


def _with_address(text: str, around: Surroundings) -> str:
    return text.replace("{ip}", around.facts.address)


def _base(around: Surroundings) -> dict[str, str]:
    pod = around.facts.pod
    hostname = pod["spec"].get("hostname") or name_of(pod)
    return {**passed_on(), "HOME": str(around.folder), "HOSTNAME": hostname, "POD_IP": around.facts.address}
