"""Endpoints and EndpointSlices say where a Service's pods are."""

from typing import Any

from controlled_world import controlled_world, quiet, the
from prompt_node import NAMESPACE, described, pod, put_state
from virtual_time import in_virtual_time

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.objects import Obj, controller_of, labels_of, name_of, uid_of

SLICES = "endpointslices.discovery.k8s.io"


def service(name: str = "web", **spec: Any) -> Obj:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return described("Service", name, {"selector": {"app": "web"}, "ports": ports, **spec}, "v1")


def serving(api: Api, name: str, address: str, port: int = 8080, *, ready: bool = True, **spec: Any) -> Obj:
    """A running pod of the Service, on node `n`."""
    ports = [{"name": "http", "containerPort": port}]
    container = {"name": "main", "image": "one", "ports": ports}
    labels = {"app": "web"}
    api.create("pods", pod(name, {"nodeName": "n", "containers": [container], **spec}, labels=labels))
    return put_state(api, the(api, "pods", name), "Running", ready=ready, address=address)


def slices(api: Api, name: str = "web") -> list[Obj]:
    return api.list(SLICES, NAMESPACE, {"matchLabels": {"kubernetes.io/service-name": name}})


def conditions(api: Api) -> dict[str, dict[str, bool]]:
    """By pod."""
    return {one["targetRef"]["name"]: one["conditions"] for each in slices(api) for one in each.get("endpoints") or ()}


@in_virtual_time
async def test_ready_pods_and_others() -> None:
    async with controlled_world(node=False) as api:
        zone = {"topology.kubernetes.io/zone": "north"}
        api.create("nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "labels": zone}})
        made = api.create("services", service())
        serving(api, "late", "127.0.0.3", ready=False)
        first = serving(api, "first", "127.0.0.2")
        await quiet(api)
        target = {"kind": "Pod", "namespace": NAMESPACE, "name": "first", "uid": uid_of(first)}
        (subset,) = the(api, "endpoints", "web")["subsets"]
        assert subset["addresses"] == [{"ip": "127.0.0.2", "nodeName": "n", "targetRef": target}]
        assert [each["ip"] for each in subset["notReadyAddresses"]] == ["127.0.0.3"]
        assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
        (only,) = slices(api)
        assert name_of(only).startswith("web-")
        assert (controller_of(only) or {})["uid"] == uid_of(made)
        assert labels_of(only)["endpointslice.kubernetes.io/managed-by"] == "endpointslice-controller.k8s.io"
        assert only["ports"] == subset["ports"]
        assert only["endpoints"][0] == {
            "addresses": ["127.0.0.2"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": "n",
            "targetRef": target,
            "zone": "north",
        }
        assert conditions(api)["late"] == {"ready": False, "serving": False, "terminating": False}


@in_virtual_time
async def test_a_pod_on_its_way_out_serves_but_is_not_ready() -> None:
    async with controlled_world(node=False) as api:
        api.create("services", service())
        serving(api, "going", "127.0.0.2")
        await quiet(api)
        api.delete("pods", NAMESPACE, "going")
        await quiet(api)
        assert conditions(api) == {"going": {"ready": False, "serving": True, "terminating": True}}
        assert "subsets" not in the(api, "endpoints", "web")
        api.delete("pods", NAMESPACE, "going", grace_seconds=0)
        await quiet(api)
        assert conditions(api) == {}
        assert len(slices(api)) == 1


@in_virtual_time
async def test_pods_that_are_not_ready_are_published_on_request() -> None:
    async with controlled_world(node=False) as api:
        api.create("services", service(publishNotReadyAddresses=True, clusterIP="None"))
        serving(api, "late", "127.0.0.3", ready=False, hostname="one", subdomain="web")
        await quiet(api)
        assert conditions(api)["late"]["ready"] is True
        (address,) = the(api, "endpoints", "web")["subsets"][0]["addresses"]
        assert (address["ip"], address["hostname"]) == ("127.0.0.3", "one")
        assert labels_of(slices(api)[0])["service.kubernetes.io/headless"] == ""


@in_virtual_time
async def test_a_named_port_may_differ_from_pod_to_pod() -> None:
    async with controlled_world(node=False) as api:
        api.create("services", service())
        serving(api, "one", "127.0.0.2", 8080)
        serving(api, "two", "127.0.0.3", 9090)
        await quiet(api)
        found = {each["ports"][0]["port"]: each["endpoints"][0]["targetRef"]["name"] for each in slices(api)}
        assert found == {8080: "one", 9090: "two"}
        assert len(the(api, "endpoints", "web")["subsets"]) == 2


@in_virtual_time
async def test_finished_pods_and_pods_without_an_address_are_left_out() -> None:
    async with controlled_world(node=False) as api:
        api.create("services", service())
        done = serving(api, "done", "127.0.0.2")
        serving(api, "nowhere", "")
        put_state(api, done, "Succeeded", address="127.0.0.2")
        await quiet(api)
        assert conditions(api) == {}


@in_virtual_time
async def test_many_pods_share_several_slices() -> None:
    async with controlled_world(node=False) as api:
        api.create("services", service())
        for number in range(120):
            serving(api, f"pod-{number:03}", f"127.0.1.{number}")
        await quiet(api)
        assert sorted(len(each["endpoints"]) for each in slices(api)) == [20, 100]
        assert len(the(api, "endpoints", "web")["subsets"][0]["addresses"]) == 120


@in_virtual_time
async def test_they_go_with_the_service() -> None:
    async with controlled_world(node=False) as api:
        api.create("services", service())
        await quiet(api)
        assert len(slices(api)) == 1
        api.delete("services", NAMESPACE, "web", propagation="Background")
        await quiet(api)
        assert (slices(api), api.get("endpoints", NAMESPACE, "web")) == ([], None)


@in_virtual_time
async def test_what_has_no_selector_is_left_alone() -> None:
    async with controlled_world(node=False) as api:
        api.create("services", service(selector=None))
        mine = {"subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 80}]}]}
        api.create("endpoints", {**described("Endpoints", "web", {}, "v1"), **mine, "spec": None})
        await quiet(api)
        assert slices(api) == []
        assert the(api, "endpoints", "web")["subsets"][0]["addresses"] == [{"ip": "192.0.2.1"}]
