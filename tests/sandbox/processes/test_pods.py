"""Pods that are started: what they are given, in which order, and what their status says."""

import json
from pathlib import Path

from process_world import NAMESPACE, in_real_time, process_world

from antiphon_sandbox.nodes.images import Image
from antiphon_sandbox.objects import Obj, condition, is_true


@in_real_time
async def test_a_pod_runs_and_says_so(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("web", "echo $POD_IP $HOSTNAME; exec sleep 1000")
        await world.until(lambda: is_true(world.pod("web"), "Ready"))
        pod = world.pod("web")
        status, container = pod["status"], world.status("web")
        assert (status["phase"], status["hostIP"], status["qosClass"]) == ("Running", "127.0.0.1", "BestEffort")
        assert status["podIP"].startswith("127.")
        assert status["podIPs"] == [{"ip": status["podIP"]}]
        assert [is_true(pod, kind) for kind in ("PodReadyToStartContainers", "Initialized", "ContainersReady")] == [
            True
        ] * 3
        assert (container["ready"], container["started"], container["restartCount"]) == (True, True, 0)
        assert "startedAt" in container["state"]["running"]
        await world.until_logged("web", f"{status['podIP']} web\n")
        assert [reason for reason, _ in world.events("web")] == ["Pulled", "Created", "Started"]


@in_real_time
async def test_ten_pods_have_ten_addresses(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        for number in range(10):
            world.run(f"p{number}", "exec sleep 1000")
        await world.until(lambda: all(is_true(pod, "Ready") for pod in world.api.list("pods")))
        assert len({pod["status"]["podIP"] for pod in world.api.list("pods")}) == 10


@in_real_time
async def test_command_arguments_and_images(tmp_path: Path) -> None:
    images = {"acme/*": Image(command=["echo", "{ip}"], args=["default"], env={"AT": "{ip}:80"})}
    async with process_world(tmp_path, images=images) as world:
        once = {"image": "acme/tool:1", "command": None, "env": [{"name": "A", "value": "1"}]}
        world.run("plain", container=once, restartPolicy="Never")
        world.run("args", container=once | {"args": ["$(A)", "$$(A)", "$(B)"]}, restartPolicy="Never")
        world.run("own", container=once | {"command": ["sh", "-c", "echo $AT"]}, restartPolicy="Never")
        for name in ("plain", "args", "own"):
            await world.until_phase(name, "Succeeded")
        address = {name: world.pod(name)["status"]["podIP"] for name in ("plain", "args", "own")}
        assert await world.log("plain") == f"{address['plain']} default\n"
        assert await world.log("args") == f"{address['args']} 1 $(A) $(B)\n"
        assert await world.log("own") == f"{address['own']}:80\n"


@in_real_time
async def test_this_python_is_the_image_python(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        code = "import antiphon_sandbox, os; print(os.environ['POD_IP'])"
        world.run("py", container={"image": "python:3.11", "command": ["python", "-c", code]}, restartPolicy="Never")
        await world.until_phase("py", "Succeeded")
        assert (await world.log("py")).strip() == world.pod("py")["status"]["podIP"]


@in_real_time
async def test_an_unknown_image(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("web", container={"image": "acme/unknown:2"})
        await world.until(lambda: world.state("web").get("waiting", {}).get("reason") == "ErrImagePull")
        assert 'no local command stands for image "acme/unknown:2"' in world.state("web")["waiting"]["message"]
        await world.until(lambda: world.state("web").get("waiting", {}).get("reason") == "ImagePullBackOff")
        assert world.phase("web") == "Pending"
        assert ("Failed", "Error: ErrImagePull") in world.events("web")


@in_real_time
async def test_missing_configuration_holds_a_pod_until_it_appears(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        env = [{"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "level"}}}]
        world.run("web", "echo level $LEVEL", container={"env": env}, restartPolicy="Never")
        waiting = {"reason": "CreateContainerConfigError", "message": 'configmap "settings" not found'}
        await world.until(lambda: world.state("web").get("waiting") == waiting)
        world.config_map("settings", level="debug")
        await world.until_phase("web", "Succeeded")
        assert await world.log("web") == "level debug\n"


@in_real_time
async def test_volumes_are_there_and_follow_their_source(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.config_map("settings", **{"app.yaml": "first"})
        mounts = [
            {"name": "config", "mountPath": "/etc/app"},
            {"name": "config", "mountPath": "/etc/one.yaml", "subPath": "app.yaml"},
            {"name": "scratch", "mountPath": "/data", "subPath": "inner"},
            {"name": "about-me", "mountPath": "/podinfo"},
        ]
        labels = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
        volumes = [
            {"name": "config", "configMap": {"name": "settings"}},
            {"name": "scratch", "emptyDir": {}},
            {"name": "about-me", "projected": {"sources": [{"downwardAPI": {"items": [labels]}}]}},
        ]
        script = (
            "cat /etc/app/app.yaml /etc/one.yaml; cat /podinfo/labels; echo >/data/x; ls $ANTIPHON_MOUNT_SCRATCH; echo;"
            "until grep -q second /etc/app/app.yaml; do sleep 0.01; done; echo updated; exec sleep 1000"
        )
        world.run("web", script, container={"volumeMounts": mounts}, volumes=volumes)
        await world.until_logged("web", 'firstfirstapp="web"x\n\n')
        world.api.patch("configmaps", NAMESPACE, "settings", {"data": {"app.yaml": "second"}})
        await world.until_logged("web", "updated\n")


@in_real_time
async def test_a_missing_volume_holds_a_pod_until_it_appears(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("web", "exec sleep 1000", volumes=[{"name": "keys", "secret": {"secretName": "keys"}}])
        said = ("FailedMount", 'MountVolume.SetUp failed for volume "keys" : secret "keys" not found')
        await world.until(lambda: said in world.events("web"))
        assert world.phase("web") == "Pending"
        world.api.create("secrets", {"metadata": {"name": "keys", "namespace": NAMESPACE}})
        await world.until_phase("web", "Running")


@in_real_time
async def test_init_containers_run_in_order_before_the_others(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        shell: Obj = {"image": "busybox", "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
        first = shell | {"name": "first", "command": ["sh", "-c", "echo 1 >> /shared/order"]}
        flaky = shell | {
            "name": "second",
            "command": ["sh", "-c", "echo 2 >> /shared/order; test -e $HOME/x || { >$HOME/x; exit 1; }"],
        }
        side = shell | {
            "name": "side",
            "restartPolicy": "Always",
            "command": ["sh", "-c", "echo 3 >> /shared/order; exec sleep 1000"],
        }
        side |= {"startupProbe": {"exec": {"command": ["grep", "3", "/shared/order"]}, "periodSeconds": 1}}
        world.run(
            "web",
            "cat /shared/order",
            container={"volumeMounts": shell["volumeMounts"]},
            initContainers=[first, flaky, side],
            volumes=[{"name": "shared", "emptyDir": {}}],
            restartPolicy="OnFailure",
        )
        await world.until_phase("web", "Succeeded")
        assert (await world.log("web")).split() == ["1", "2", "2", "3"]
        assert world.status("web", "second")["restartCount"] == 1
        assert world.state("web", "side")["terminated"]["exitCode"] == 143, "the sidecar ends with the pod"


@in_real_time
async def test_while_init_containers_run(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        init = {"name": "setup", "image": "busybox", "command": ["sh", "-c", "exec sleep 1000"]}
        world.run("web", "exec sleep 1000", initContainers=[init])
        await world.until(lambda: "running" in world.state("web", "setup"))
        assert world.phase("web") == "Pending"
        assert world.state("web") == {"waiting": {"reason": "PodInitializing"}}
        found = condition(world.pod("web"), "Initialized")
        assert found is not None
        assert (found["reason"], found["message"]) == (
            "ContainersNotInitialized",
            "containers with incomplete status: [setup]",
        )


@in_real_time
async def test_a_failed_init_container_fails_a_pod_that_never_restarts(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        init = {"name": "setup", "image": "busybox", "command": ["sh", "-c", "exit 7"]}
        world.run("web", "exec sleep 1000", initContainers=[init], restartPolicy="Never")
        await world.until_phase("web", "Failed")
        assert world.state("web", "setup")["terminated"]["exitCode"] == 7
        assert "waiting" in world.state("web")


@in_real_time
async def test_a_readiness_gate_is_somebody_elses_word(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("web", "exec sleep 1000", readinessGates=[{"conditionType": "example.com/warm"}])
        await world.until(lambda: is_true(world.pod("web"), "ContainersReady"))
        found = condition(world.pod("web"), "Ready")
        assert found is not None
        assert found["reason"] == "ReadinessGatesNotReady"
        pod = json.loads(json.dumps(world.pod("web")))
        pod["status"]["conditions"].append({"type": "example.com/warm", "status": "True"})
        world.api.update_status("pods", pod)
        await world.until(lambda: is_true(world.pod("web"), "Ready"))
