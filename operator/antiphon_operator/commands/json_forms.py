"""What `-o json` prints, by command: as types, or in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from antiphon_crds.base import Contract
from antiphon_operator.bringing_up.result import DownResult, UpResult
from antiphon_operator.explaining.fleet_view import TopView
from antiphon_operator.explaining.view import ExplanationView
from antiphon_operator.rehearsing.view import SimulationView
from antiphon_operator.sizing.view import CapacityView
from antiphon_operator.telling.view import AgentView

FORMS: Final[Mapping[str, type[Contract]]] = {
    "up": UpResult,
    "down": DownResult,
    "describe": AgentView,
    "explain": ExplanationView,
    "top": TopView,
    "capacity": CapacityView,
    "simulate": SimulationView,
}

WORDS: Final[Mapping[str, str]] = {
    "top": "With an agent, what `antiphon describe -o json` prints. With `--watch`, an object a line.",
    "capacity": "A list, with an object for each agent:",
    "validate": (
        "`valid`; how many `files`, and how many objects of other APIs (`foreign`); the names of all `objects`;"
        " `problems` and `missing`, each with `file`, `line`, `object`, `field`, `value` and `message`."
    ),
    "get": (
        "The object where a name is given, else a List with `items`, in the form of the API server ([reference](reference.md))"
        " without `managedFields`. With `--watch`, an object a line."
    ),
    "logs": "An object a line: `time` (RFC 3339), `pod` and `text`.",
    "install": (
        "`version`; the choices `namespace`, `image`, `runtime_image`, `replicas`, `watch_namespaces`; the lists `created`,"
        " `changed`, `unchanged` and `removed`, of words such as `Role calls/antiphon-operator`; `ready`, null where nobody"
        " waited."
    ),
    "uninstall": (
        "The list `objects` of what is gone, of words such as `Role calls/antiphon-operator`; how many `agents` there were;"
        " `definitions`: whether the kinds went, and with them all agents."
    ),
    "doctor": (
        "`healthy`, and the list `checks`, each with `check`, `result` (ok, warning, failed, skipped), `message` and `advice`."
    ),
    "talk": (
        "An object a turn, on one line: `asked`, `heard`, `answer`, `outcome`, `reason`, `first_text_ms`, `first_audio_ms`,"
        " `done_ms`, `audio_seconds` and `saved`, the file."
    ),
}
