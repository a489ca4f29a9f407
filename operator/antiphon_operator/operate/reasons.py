"""Condition types and their reasons: each says what it means and what to do. docs/operator-reference.md is made from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Truth = Literal["True", "False", "Unknown"]

ACCEPTED: Final = "Accepted"
PLACED: Final = "Placed"
READY: Final = "Ready"
SLA_MET: Final = "SLAMet"
STEADY: Final = "Steady"

CONDITION_TYPES: Final[dict[str, str]] = {
    ACCEPTED: "The spec makes sense, and all that it names is there.",
    PLACED: "Every placement group has a partition, or a CPU, that holds its models.",
    READY: "Callers are served: every group that they need has a ready pod.",
    SLA_MET: "The objectives hold.",
    STEADY: "Nothing is under way: all pods are as they are wanted, with the tuning that is wanted.",
}


@dataclass(frozen=True)
class Reason:
    """Why a condition is as it is."""

    condition: str
    name: str
    status: Truth
    meaning: str
    """What it means, as a sentence."""
    advice: str = ""
    """What to do about it; empty where nothing is to be done."""


_ALL: list[Reason] = []


def _reason(condition: str, name: str, status: Truth, meaning: str, advice: str = "") -> Reason:
    reason = Reason(condition, name, status, meaning, advice)
    _ALL.append(reason)
    return reason


VALID = _reason(ACCEPTED, "Valid", "True", "The spec is valid, and all that it names is there.")
TRAFFIC_NOT_FOLLOWED = _reason(
    ACCEPTED,
    "TrafficNotFollowed",
    "True",
    "The spec is valid, but an entry of spec.traffic never begins, or its time zone is not known to the operator: nothing"
    " is made ready for it.",
    "Correct the cron line or the time zone that the message names.",
)
FREEZE_NOT_KEPT = _reason(
    ACCEPTED,
    "FreezeNotKept",
    "True",
    "The policy is valid, but a freeze window never begins, or its time zone is not known to the operator and UTC is used.",
    "Correct the cron line or the time zone that the message names.",
)
REFERENCE_MISSING = _reason(
    ACCEPTED,
    "ReferenceMissing",
    "False",
    "A policy, model or pool that the agent names does not exist. Running pods stay as they are.",
    "Apply what is missing, or name another; it heals by itself.",
)
INVALID = _reason(
    ACCEPTED,
    "Invalid",
    "False",
    "The spec, or something that it names, contradicts itself. Running pods stay as they are.",
    "Change the field that the message names.",
)
NAME_TAKEN = _reason(
    ACCEPTED,
    "NameTaken",
    "False",
    "An object that somebody else has made has the name of one of the agent's own. It is not touched.",
    "Delete or rename it, or give the agent another name.",
)
REFUSED = _reason(
    ACCEPTED,
    "Refused",
    "False",
    "The API server refuses one of the agent's objects, by a quota or an admission policy for instance.",
    "The message is the API server's; change what it names. It is tried again.",
)

ALL_PLACED = _reason(PLACED, "Fits", "True", "Every group has found what it runs on.")
NO_PARTITION_FITS = _reason(
    PLACED,
    "NoPartitionFits",
    "False",
    "No partition that the nodes offer holds the group's models. Running pods stay as they are.",
    "Allow a smaller variant, cut the GPUs otherwise, or add nodes.",
)
NO_NODE_MATCHES = _reason(
    PLACED,
    "NoNodeMatches",
    "False",
    "No ready node has the labels that the group or its pool asks for. Running pods stay as they are.",
    "Check nodeSelector and the pool's nodeSelector against the nodes' labels.",
)
POOL_MISSING = _reason(
    PLACED,
    "PoolMissing",
    "False",
    "The group's GPUPool does not exist.",
    "Apply it, or name another; it heals by itself.",
)
POOL_NOT_ALLOWED = _reason(
    PLACED,
    "PoolNotAllowed",
    "False",
    "The group's GPUPool is only for agents of other namespaces.",
    "Use another pool, or have the namespace added to its onlyAgentsOf.",
)
NOT_JUDGED = _reason(PLACED, "NotJudged", "Unknown", "The agent is not accepted, so no place was looked for.")

SERVING = _reason(READY, "Serving", "True", "Every group that callers need has a ready pod.")
STARTING = _reason(
    READY, "Starting", "False", "Pods are being started: they fetch and load models, warm up and measure themselves."
)
UNSCHEDULABLE = _reason(
    READY,
    "Unschedulable",
    "False",
    "No node has room for a pod.",
    "Free or add capacity; the message is the scheduler's.",
)
POD_FAILING = _reason(
    READY,
    "PodFailing",
    "False",
    "A pod can't start, or ends again and again.",
    "`antiphon logs AGENT` shows why.",
)
STOPPED = _reason(READY, "Stopped", "False", "No replica is wanted.", "Raise scaling.replicas or scaling.minReplicas.")
GOING = _reason(READY, "Deleting", "False", "The agent is being deleted; its pods finish their calls.")
NOTHING_RUNS = _reason(READY, "NothingRuns", "False", "The agent could not be accepted or placed yet, and has no pods.")

NO_POLICY = _reason(SLA_MET, "NoPolicy", "Unknown", "The agent names no SLAPolicy, so nothing was promised.")
NOT_MEASURED = _reason(
    SLA_MET,
    "NotMeasured",
    "Unknown",
    "No objective has been measured yet, or not enough lately. Unknown is never success.",
    "Without calls there is nothing to measure. With calls, see whether the pods' metrics reach the operator: `antiphon"
    " doctor`.",
)
ALL_MET = _reason(SLA_MET, "Met", "True", "All objectives that were measured are kept.")
AT_RISK = _reason(
    SLA_MET,
    "AtRisk",
    "True",
    "All objectives are kept, and one of them by less than the policy's tolerance, or its misses come too fast.",
)
BREACHED = _reason(
    SLA_MET,
    "Breached",
    "False",
    "An objective is not kept.",
    "`antiphon explain AGENT` says what the control loop does about it, and what holds it back.",
)

SETTLED = _reason(STEADY, "Settled", "True", "All pods are as they are wanted, with the tuning that is wanted.")
ROLLING_OUT = _reason(
    STEADY, "RollingOut", "False", "Pods are being replaced, one at a time; the old ones finish their calls."
)
SCALING = _reason(STEADY, "Scaling", "False", "Replicas are being added or taken away.")
TUNING = _reason(STEADY, "Tuning", "False", "Pods have not applied the last tuning yet.")
TUNING_REFUSED = _reason(
    STEADY,
    "TuningRefused",
    "False",
    "A pod refuses the last tuning, for instance for lack of memory; it runs on with the one before.",
    "The message is the pod's.",
)
PODS_UNREACHABLE = _reason(
    STEADY,
    "PodsUnreachable",
    "False",
    "Ready pods do not answer the operator on their control port: they serve calls, and can't be tuned or counted.",
    "Look for a NetworkPolicy or firewall between the operator's namespace and port 9100 of the pods.",
)
HELD_BACK = _reason(
    STEADY, "HeldBack", "False", "The agent is not accepted or not placed: nothing is changed until it is."
)

REASONS: Final[tuple[Reason, ...]] = tuple(_ALL)
BY_NAME: Final[dict[tuple[str, str], Reason]] = {(reason.condition, reason.name): reason for reason in REASONS}
