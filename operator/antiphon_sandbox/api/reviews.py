"""Reviews of who may do what. There is one user here, who may do everything."""

from __future__ import annotations

from typing import Any

from antiphon_sandbox.objects import Obj, walk

_USER = {"username": "sandbox-admin", "groups": ["system:masters", "system:authenticated"]}


def answer(kind: str, review: Any) -> Obj:
    """The review with its status."""
    body = review if isinstance(review, dict) else {}
    return {**body, "metadata": body.get("metadata") or {}, "status": _status(kind, body)}


def _status(kind: str, review: Obj) -> Obj:
    match kind:
        case "SelfSubjectRulesReview":
            everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            urls = {"verbs": ["*"], "nonResourceURLs": ["*"]}
            return {"resourceRules": [everything], "nonResourceRules": [urls], "incomplete": False}
        case "SelfSubjectReview":
            return {"userInfo": _USER}
        case "TokenReview":
            token = bool(walk(review, "spec", "token"))
            return {"authenticated": token, **({"user": _USER} if token else {})}
        case _:
            return {"allowed": True, "reason": "the sandbox has one user, who may do everything"}
