"""How fast a variant is, as its profiles say, and under which name that is learned."""

from __future__ import annotations

from functools import lru_cache

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Profile, Variant
from antiphon_policies.deciding.habits import Habits
from antiphon_policies.estimating.estimate import Seed
from antiphon_policies.estimating.estimates import EstimateKey
from antiphon_policies.facts import Service
from antiphon_policies.figures import significant
from antiphon_policies.resolution import ResolvedStage

UNKNOWN = Service(alpha_ms=100.0, beta_ms=20.0, noise=0.5)
"""Of a variant without a profile, until it is learned."""


def key_of(resolved: ResolvedStage, variant: Variant, hardware: str | None) -> EstimateKey:
    """Where the hardware is not known, the agents that share a profile learn together."""
    profile = profile_for(variant, hardware)
    where = hardware or (profile.hardware if profile else "")
    return EstimateKey(resolved.stage, resolved.model.metadata.name, variant.name, where)


def seed_of(stage: Stage, profile: Profile | None, habits: Habits) -> Seed | None:
    if profile is None:
        return None
    return Seed(service_of(profile, habits.later_steps(stage)), profile.basis)


def profile_for(variant: Variant, hardware: str | None) -> Profile | None:
    """That of the hardware; where there is none, the first: what is emulated follows it anywhere, and for the rest it is
    the best guess until it is learned."""
    named = variant.options.get("hardware") if variant.engine == "emulated" else hardware
    matching = [profile for profile in variant.profiles if profile.hardware == named]
    return next(iter([*matching, *variant.profiles]), None)


def service_of(profile: Profile, later_steps: float) -> Service:
    """To the first result, as batches are timed; all later steps only keep a place."""
    return Service(
        alpha_ms=profile.alpha_ms,
        beta_ms=profile.beta_ms,
        noise=profile.noise,
        rest_alpha_ms=later_steps * (profile.decode_alpha_ms or 0.0),
        rest_beta_ms=later_steps * (profile.decode_beta_ms or 0.0),
    )


def awaited(service: Service, share: float) -> Service:
    """A turn waits for this share of the later steps too, such as the rest of a clause."""
    return Service(
        alpha_ms=service.alpha_ms + share * service.rest_alpha_ms,
        beta_ms=service.beta_ms + share * service.rest_beta_ms,
        noise=service.noise,
        rest_alpha_ms=(1 - share) * service.rest_alpha_ms,
        rest_beta_ms=(1 - share) * service.rest_beta_ms,
    )


@lru_cache(maxsize=16_384)
def rounded(service: Service) -> Service:
    """To three significant digits: nobody knows it better, and the same figures need no new plan."""
    return Service(
        alpha_ms=significant(service.alpha_ms),
        beta_ms=significant(service.beta_ms),
        noise=significant(service.noise),
        rest_alpha_ms=significant(service.rest_alpha_ms),
        rest_beta_ms=significant(service.rest_beta_ms),
    )
