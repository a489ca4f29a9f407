"""The claims that pods ask with are what the API takes."""

from __future__ import annotations

import asyncio

import kubernetes_validate
import pytest
from gpu_nodes import gpu_device, mig_device, node, resource_slice
from served_api import served

from antiphon_operator.objects import Obj
from antiphon_operator.placing.claims import claim_spec, claimable
from antiphon_operator.placing.offers import Offer
from antiphon_sandbox.api.local import Api

TEMPLATES = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaimtemplates"
SLICES = "/apis/resource.k8s.io/v1/resourceslices"


def _offers() -> list[Offer]:
    devices = [gpu_device(0), mig_device(1, 0, "1g.18gb", "16Gi"), mig_device(1, 1, "1g.18gb+me", "16Gi")]
    return [*claimable([resource_slice("n", *devices)], [node("n")]), Offer(None, "", None)]


def _template(spec: Obj, name: str = "hello-main") -> Obj:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"spec": spec},
    }


@pytest.mark.parametrize("count", [1, 4])
def test_the_server_takes_them_and_changes_nothing(count: int) -> None:
    async def story() -> None:
        async with served(Api()) as client:
            for index, offer in enumerate(_offers()):
                template = _template(claim_spec(offer, count), f"t{index}")
                answer = await client.ask("POST", f"{TEMPLATES}?fieldValidation=Strict", template)
                assert (answer.status, answer.warnings) == (201, ()), answer.text
                assert answer.body["spec"]["spec"] == template["spec"]["spec"], (
                    "nothing was defaulted, so nothing differs at the next visit"
                )

    asyncio.run(story())


def test_they_are_valid_by_the_published_schemas() -> None:
    for offer in _offers():
        kubernetes_validate.validate(_template(claim_spec(offer, 1)), "1.34", strict=True)


def test_the_slices_of_the_tests_are_such_as_the_server_takes() -> None:
    async def story() -> None:
        async with served(Api()) as client:
            found = resource_slice("n", gpu_device(0), mig_device(1, 0, "1g.18gb", "16Gi"))
            answer = await client.ask("POST", f"{SLICES}?fieldValidation=Strict", found)
            assert answer.status == 201, answer.text
            assert claimable([answer.body], [node("n")]) == claimable([found], [node("n")])

    asyncio.run(story())
