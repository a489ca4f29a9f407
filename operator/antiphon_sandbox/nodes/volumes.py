"""The volumes of a pod are folders of this machine, and where its containers find them.

Nothing is mounted: that would need root or a namespace of its own, and mount points in the user's file system. Instead
each path that a container's command, arguments and variables take from a `mountPath` is replaced by the folder itself
(`--config=/etc/app/a.yaml` reads the volume's `a.yaml`), and `ANTIPHON_MOUNT_NAME` holds the folder of volume NAME, for
programs that have a path elsewhere. So `readOnly` is not enforced, and a `subPath` of a ConfigMap follows its updates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from antiphon_sandbox.nodes.configuration_refs import Configuration, MissingConfigurationError
from antiphon_sandbox.nodes.downward import PodFacts, UnknownFieldError
from antiphon_sandbox.nodes.projections import PROJECTED, Files, files_of, write_files
from antiphon_sandbox.objects import Obj, name_of, namespace_of


class VolumeError(Exception):
    """A volume can't be set up, yet; the text is a kubelet's."""

    def __init__(self, volume: str, problem: str) -> None:
        super().__init__(f'MountVolume.SetUp failed for volume "{volume}" : {problem}')


class Volumes:
    """The volumes of one pod, below `folder`; those of claims, which outlive it, below `claims`."""

    def __init__(self, folder: Path, claims: Path, configuration: Configuration) -> None:
        self.paths: dict[str, Path] = {}
        self._folder = folder
        self._claims = claims
        self._configuration = configuration
        self._written: dict[str, Files] = {}

    def set_up(self, facts: PodFacts) -> None:
        """Makes what is missing and brings projected files up to date; writes only what differs."""
        for volume in facts.pod["spec"].get("volumes") or ():
            try:
                self.paths[volume["name"]] = self._one(volume, facts)
            except (MissingConfigurationError, UnknownFieldError, OSError) as error:
                raise VolumeError(volume["name"], str(error)) from error

    def _one(self, volume: Obj, facts: PodFacts) -> Path:
        name = volume["name"]
        if any(kind in volume for kind in PROJECTED):
            return self._projected(name, files_of(volume, facts, self._configuration))
        if host := volume.get("hostPath"):
            return _host_path(host)
        if claim := volume.get("persistentVolumeClaim"):
            return self._claim(claim["claimName"])
        if "ephemeral" in volume or "emptyDir" in volume or set(volume) == {"name"}:
            return _open_folder(self._folder / name)
        kind = next(key for key in volume if key != "name")
        raise UnknownFieldError(f"the sandbox has no volumes of type {kind}; use emptyDir, hostPath or a claim here")

    def _projected(self, name: str, files: Files) -> Path:
        folder = self._folder / name
        if self._written.get(name) != files:
            write_files(folder, files)
            self._written[name] = files
        return folder

    def _claim(self, name: str) -> Path:
        claim = self._configuration.kube.get("persistentvolumeclaims", self._configuration.namespace, name)
        if claim is None:
            raise MissingConfigurationError(f'persistentvolumeclaim "{name}" not found')
        if volume := claim["spec"].get("volumeName"):
            return self._persistent(volume)
        return _open_folder(self._claims / namespace_of(claim) / name_of(claim))

    def _persistent(self, name: str) -> Path:
        volume = self._configuration.kube.get("persistentvolumes", "", name)
        if volume is None:
            raise MissingConfigurationError(f'persistentvolume "{name}" not found')
        if host := volume["spec"].get("hostPath"):
            return _host_path(host)
        raise UnknownFieldError(f'persistentvolume "{name}" has no hostPath, the one kind that the sandbox has')


def _open_folder(folder: Path) -> Path:
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    return folder


def _host_path(host: Obj) -> Path:
    path, kind = Path(host["path"]), host.get("type")
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        path.touch(exist_ok=True)
    if kind and not path.exists():
        raise UnknownFieldError(f"hostPath type check failed: {path} is not a {kind.removesuffix('OrCreate').lower()}")
    return path


class Mounts:
    """Where one container's mount paths really are."""

    def __init__(self, real: Mapping[str, str]) -> None:
        """`real` folders by mount path."""
        self._real = {path.rstrip("/") or "/": folder for path, folder in real.items()}
        inner_first = sorted(self._real, key=len, reverse=True)
        anywhere = "|".join(map(re.escape, inner_first))
        # A whole path only: neither the /data of /var/data, nor that of /database.
        self._pattern = re.compile(rf"(?<![\w./}})-])(?:{anywhere})(?![\w.-])") if anywhere else None

    def real(self, text: str) -> str:
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self._real[match[0]], text)


def mount_all(
    container: Obj, paths: Mapping[str, Path], expanded: Callable[[str], str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Real folders by mount path, and the variables that name them."""
    real, variables = {}, {}
    for mount in container.get("volumeMounts") or ():
        name = mount["name"]
        inner = mount.get("subPath") or expanded(mount.get("subPathExpr") or "")
        path = paths[name] / inner if inner else paths[name]
        if inner and not path.exists():
            path.mkdir(parents=True)
        real[mount["mountPath"]] = str(path)
        variables["ANTIPHON_MOUNT_" + re.sub(r"\W", "_", name).upper()] = str(path)
    return real, variables
