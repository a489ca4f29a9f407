"""The fleet's agents are good agents: the API server takes them, and they resolve."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agent_fleet import fleet_agent, fleet_models, fleet_of, fleet_policies
from kubeconfig import write_kubeconfig
from offline_apiserver import admit
from served_api import served

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.voicemodel import VoiceModel
from antiphon_policies.resolution import Catalog, resolve
from antiphon_sandbox.api.local import Api


def test_everything_is_taken_and_fits_together() -> None:
    for manifest in (*fleet_models(), *fleet_policies(), fleet_agent(7)):
        assert admit(manifest) == []
    catalog = Catalog(
        policies={found["metadata"]["name"]: SLAPolicy.from_manifest(found) for found in fleet_policies()},
        models={found["metadata"]["name"]: VoiceModel.from_manifest(found) for found in fleet_models()},
    )
    for index in range(10):
        assert resolve(VoiceAgent.from_manifest(fleet_agent(index)), catalog).findings == ()


def test_a_fleet_is_made_and_cleared(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(Api()) as client:
            kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", client.url)
            async with fleet_of(kubeconfig, "fleet") as fleet:
                await fleet.prepare()
                await fleet.prepare()
                await fleet.create(20)
                await fleet.create(5, first=20)
                await fleet.delete(3)
                listed = await fleet.get(fleet.path)
                assert [found["metadata"]["name"] for found in listed["items"]] == [
                    f"agent-{index:04}" for index in range(3, 25)
                ]
                await fleet.clear()
                assert (await fleet.get("/apis/antiphon.dev/v1alpha1/slapolicies"))["items"] == []

    asyncio.run(story())
