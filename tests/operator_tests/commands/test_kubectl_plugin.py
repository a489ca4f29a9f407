"""`kubectl antiphon`: kubectl runs the program `kubectl-antiphon` that it finds on PATH."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import Cluster

SCRIPTS = Path(sys.executable).parent


@pytest.mark.skipif(not (SCRIPTS / "kubectl-antiphon").exists(), reason="the program kubectl-antiphon is not installed")
@pytest.mark.skipif(not (SCRIPTS / "kubectl").exists(), reason="there is no kubectl in this environment")
def test_kubectl_antiphon_is_antiphon(api: Cluster) -> None:
    path = f"{SCRIPTS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(api.kubeconfig)}
    command = [str(SCRIPTS / "kubectl"), "antiphon", "get", "policies", "-o", "name"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "slapolicy.antiphon.dev/cpu-laptop" in done.stdout.splitlines()
