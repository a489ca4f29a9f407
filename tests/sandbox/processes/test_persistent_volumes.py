"""A claim that names its volume has the folder of that volume."""

from pathlib import Path
from typing import Any

from process_world import NAMESPACE, ProcessWorld, in_real_time, process_world

MOUNT = {"volumeMounts": [{"name": "models", "mountPath": "/models"}]}
VOLUMES = [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}]
READ = "cat /models/note; echo more >> /models/note"


def claim(world: ProcessWorld, **spec: Any) -> None:
    wanted = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    body = {"metadata": {"name": "models", "namespace": NAMESPACE}, "spec": wanted | spec}
    world.api.create("persistentvolumeclaims", body)


def volume(world: ProcessWorld, source: dict[str, Any]) -> None:
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], **source}
    world.api.create("persistentvolumes", {"metadata": {"name": "disk"}, "spec": spec})


@in_real_time
async def test_it_is_the_folder_of_the_volume(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    async with process_world(tmp_path / "state") as world:
        volume(world, {"hostPath": {"path": str(folder), "type": "DirectoryOrCreate"}})
        claim(world, volumeName="disk")
        world.run("first", "echo hello > /models/note", container=MOUNT, volumes=VOLUMES, restartPolicy="Never")
        await world.until_phase("first", "Succeeded")
        assert (folder / "note").read_text() == "hello\n"
        world.run("second", READ, container=MOUNT, volumes=VOLUMES, restartPolicy="Never")
        await world.until_phase("second", "Succeeded")
        assert await world.log("second") == "hello\n"
    assert (folder / "note").read_text() == "hello\nmore\n", "it outlives the sandbox"


@in_real_time
async def test_a_pod_waits_for_the_volume(tmp_path: Path) -> None:
    async with process_world(tmp_path / "state") as world:
        claim(world, volumeName="disk")
        world.run("early", "cat /models/note", container=MOUNT, volumes=VOLUMES, restartPolicy="Never")
        told = 'MountVolume.SetUp failed for volume "models" : persistentvolume "disk" not found'
        await world.until(lambda: ("FailedMount", told) in world.events("early"))
        (tmp_path / "note").write_text("late\n")
        volume(world, {"hostPath": {"path": str(tmp_path), "type": "Directory"}})
        await world.until_phase("early", "Succeeded")
        assert await world.log("early") == "late\n"


@in_real_time
async def test_a_volume_of_another_kind_is_refused_with_what_would_do(tmp_path: Path) -> None:
    async with process_world(tmp_path / "state") as world:
        volume(world, {"nfs": {"server": "files.example", "path": "/models"}})
        claim(world, volumeName="disk")
        world.run("pod", "true", container=MOUNT, volumes=VOLUMES)
        await world.until(lambda: any('"disk" has no hostPath' in message for _, message in world.events("pod")))
