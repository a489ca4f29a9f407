"""All the controllers, side by side."""

from __future__ import annotations

import asyncio

from antiphon_sandbox.controllers.controller import Controller
from antiphon_sandbox.controllers.deployments import DeploymentController
from antiphon_sandbox.controllers.disruption import DisruptionController
from antiphon_sandbox.controllers.endpoints import EndpointsController
from antiphon_sandbox.controllers.jobs import JobController
from antiphon_sandbox.controllers.lost_pods import LostPodsController
from antiphon_sandbox.controllers.replicasets import ReplicaSetController
from antiphon_sandbox.controllers.service_accounts import ServiceAccountController
from antiphon_sandbox.controllers.volume_claims import VolumeClaimController
from antiphon_sandbox.kube import Kube

CONTROLLERS: tuple[type[Controller], ...] = (
    ServiceAccountController,
    DeploymentController,
    ReplicaSetController,
    JobController,
    EndpointsController,
    DisruptionController,
    LostPodsController,
    VolumeClaimController,
)


async def run_controllers(kube: Kube) -> None:
    """Until cancelled."""
    async with asyncio.TaskGroup() as group:
        for controller in CONTROLLERS:
            group.create_task(controller(kube).run(), name=controller.name)
