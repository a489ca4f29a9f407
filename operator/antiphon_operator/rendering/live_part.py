"""What of an agent's spec reaches its pods without a restart.

It is delivered as tuning and stands nowhere else in their configuration: what is taken out of the spec again is then
taken out of the tuning, and holds no longer.
"""

from __future__ import annotations

from antiphon_crds.control import StageTuning, Tuning
from antiphon_crds.placement import PlacementGroup
from antiphon_operator.placing.choice import Choice
from antiphon_operator.rendering.group_stages import local_stages, variants_in
from antiphon_policies.resolution import Resolution, ResolvedStage


def live_tuning(group: PlacementGroup, resolution: Resolution, choice: Choice | None = None) -> Tuning:
    """Generation 0: who merges the control loop's wishes over it counts the generations."""
    most_sessions = group.max_sessions or resolution.agent.spec.sessions.max_per_replica
    stages = [_stage_tuning(group, resolved, choice) for resolved in local_stages(group, resolution)]
    return Tuning(generation=0, stages=stages, max_sessions=most_sessions)


def fitting(tuning: Tuning, group: PlacementGroup, resolution: Resolution, choice: Choice | None = None) -> Tuning:
    """Without what pods of the group could not start with: stages and variants that they have not, such as old wishes.

    To be asked before a tuning is given its generation: one that was changed here would never look delivered.
    """
    local = {resolved.stage: resolved for resolved in local_stages(group, resolution)}
    stages = [_known(tuned, group, local[tuned.stage], choice) for tuned in tuning.stages if tuned.stage in local]
    return tuning.model_copy(update={"stages": stages})


def _known(tuned: StageTuning, group: PlacementGroup, resolved: ResolvedStage, choice: Choice | None) -> StageTuning:
    known = [variant.name for variant in variants_in(group, resolved, choice)]
    return tuned if tuned.variant in (None, *known) else tuned.model_copy(update={"variant": next(iter(known), None)})


def _stage_tuning(group: PlacementGroup, resolved: ResolvedStage, choice: Choice | None) -> StageTuning:
    """A cap on the batch would go before load steps, which choose the batch themselves: there it is left out."""
    spec = resolved.spec
    return StageTuning(
        stage=resolved.stage,
        variant=next((variant.name for variant in variants_in(group, resolved, choice)), None),
        max_batch=None if spec.load_steps else spec.batch.max,
        max_wait_ms=spec.batch.max_wait_ms or None,
        max_queue=spec.concurrency.max_queue,
    )
