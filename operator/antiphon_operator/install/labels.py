"""By what the objects of an installation are known."""

from __future__ import annotations

from typing import Final

from antiphon_operator.names import COMMAND, MANAGED_LABEL, NAME_LABEL

__all__ = ["COMMAND", "HELM", "INSTALLED", "MANAGED_LABEL", "NAMESPACE", "OPERATOR", "RELEASE", "WATCHED"]

RELEASE: Final = "antiphon"
"""The name by which Helm would install the chart."""
NAMESPACE: Final = "antiphon-system"
WATCHED: Final = "watched"
"""In the manifests, stands for each namespace that the operator is confined to."""
HELM: Final = "Helm"
OPERATOR: Final = f"{NAME_LABEL}=antiphon-operator"
"""Selects the objects of an operator, whoever installed it."""
INSTALLED: Final = f"{OPERATOR},{MANAGED_LABEL}={COMMAND}"
"""Selects those that `antiphon install` has made."""
