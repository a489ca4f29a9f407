"""What earlier visits have left in the children, and later ones go on from: tokens and tunings. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

import orjson
from pydantic import ValidationError

from antiphon_crds.control import Tuning
from antiphon_operator.kube.resources import CONFIG_MAPS, SECRETS, Resource
from antiphon_operator.names import CONFIG_KEY, ROTATE_ANNOTATION, TOKEN_KEY, control_secret_name
from antiphon_operator.objects import Obj, annotations_of, name_of

Children = Iterable[tuple[Resource, Obj]]


def control_token(children: Children, agent: str, rotation: str) -> str | None:
    """The token in force; None where there is none, or another is asked for."""
    secret = _child(children, SECRETS, control_secret_name(agent))
    if secret is None or annotations_of(secret).get(ROTATE_ANNOTATION, "") != rotation:
        return None
    return token_in(secret)


def current_token(children: Children, agent: str) -> str | None:
    """The token that the pods have, whatever is asked for."""
    secret = _child(children, SECRETS, control_secret_name(agent))
    return token_in(secret) if secret else None


def token_in(secret: Obj) -> str | None:
    """None where somebody has spoilt it."""
    try:
        token = base64.b64decode((secret.get("data") or {}).get(TOKEN_KEY, ""), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return token.strip() or None


def tuning_of(children: Children, config_map: str) -> Tuning | None:
    """The tuning that is written into a group's configuration; None where there is none, or nobody can read it."""
    found = _child(children, CONFIG_MAPS, config_map)
    if found is None:
        return None
    try:
        config = orjson.loads((found.get("data") or {}).get(CONFIG_KEY, ""))
        return Tuning.from_manifest(config["tuning"], ignore_unknown=True)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValidationError):
        return None


def _child(children: Children, resource: Resource, name: str) -> Obj | None:
    return next((child for kind, child in children if kind is resource and name_of(child) == name), None)
