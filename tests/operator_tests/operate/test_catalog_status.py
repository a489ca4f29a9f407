"""What the status of a policy says of itself."""

from __future__ import annotations

from typing import Any

from antiphon_crds.policy import SLAPolicy
from antiphon_operator.operate.catalog_status import catalog_status
from antiphon_operator.operate.world import parse

NOW = "2026-11-22T00:00:00Z"


def policy(**freeze: Any) -> dict[str, Any]:
    objective = {"name": "p95", "indicator": "response", "percentile": 95, "targetMs": 450}
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "SLAPolicy",
        "metadata": {"name": "own", "generation": 3},
        "spec": {
            "objectives": [objective],
            "guardrails": {"freeze": [{"name": "night", "cron": "0 1 * * *", "duration": "2h", **freeze}]},
        },
    }


def accepted(raw: dict[str, Any]) -> dict[str, Any]:
    (condition,) = catalog_status(parse(SLAPolicy, raw), [], NOW)["conditions"]
    return dict(condition)


def test_a_policy_whose_windows_are_kept_is_valid() -> None:
    found = accepted(policy(timeZone="Europe/Vienna"))
    assert (found["status"], found["reason"]) == ("True", "Valid")


def test_a_freeze_that_is_not_kept_as_written_is_told() -> None:
    found = accepted(policy(timeZone="Europe/Atlantis"))
    assert (found["type"], found["status"], found["reason"]) == ("Accepted", "True", "FreezeNotKept")
    assert "'night': the time zone Europe/Atlantis is not known" in found["message"]


def test_what_cannot_be_read_is_told_first() -> None:
    found = accepted(policy(timeZone="Europe/Atlantis", duration="a while"))
    assert (found["status"], found["reason"]) == ("False", "Invalid")
