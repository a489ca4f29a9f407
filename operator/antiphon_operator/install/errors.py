"""What may stand against an installation."""

from __future__ import annotations

from antiphon_operator.kube.errors import KubeError


class InstallError(KubeError):
    """It can't be installed or removed; the text says why and what to do."""
