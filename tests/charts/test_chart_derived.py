"""What is derived of something else is up to date, and the release fits into the Secret in which Helm keeps it."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import tomllib
from pathlib import Path

import pytest
from offline_apiserver import committed_crds
from rendered_chart import CHART, NAMESPACE, REPOSITORY, chart, of_kind, rendered

from antiphon_operator.install import generate

INSTALL = REPOSITORY / "operator" / "antiphon_operator" / "install"
SOURCES = (REPOSITORY / "crds", CHART, INSTALL)
MOST_BYTES_OF_A_SECRET = 1024 * 1024


def test_the_committed_files_are_the_generated_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check", *map(str, SOURCES)]) == 0, capsys.readouterr().err


def test_files_that_differ_are_told_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crds, chart_folder, manifests = tmp_path / "crds", tmp_path / "chart", tmp_path / "install"
    shutil.copytree(SOURCES[0], crds)
    shutil.copytree(CHART, chart_folder)
    changed = crds / "gpupools.antiphon.dev.yaml"
    changed.write_text(changed.read_text().replace("shortNames:", "shortNames:\n    - gp"))
    (chart_folder / "files" / "crds" / "old.yaml").write_text("")
    arguments = [str(crds), str(chart_folder), str(manifests)]

    assert generate.main(["--check", *arguments]) == 1
    told = capsys.readouterr().err
    assert [name in told for name in ("gpupools", "old.yaml", "manifests.yaml", "voicemodels")] == [True] * 3 + [False]
    assert not manifests.exists()

    assert generate.main(arguments) == 0
    assert generate.main(["--check", *arguments]) == 0
    assert "- gp\n" in (chart_folder / "files" / "crds" / changed.name).read_text()
    assert not (chart_folder / "files" / "crds" / "old.yaml").exists()


def test_the_charts_crds_are_ours_and_helm_keeps_them() -> None:
    crds = {crd["spec"]["names"]["kind"]: crd for crd in of_kind("CustomResourceDefinition", rendered())}
    assert {kind: crd["spec"] for kind, crd in crds.items()} == {
        kind: crd["spec"] for kind, crd in committed_crds().items()
    }
    assert all(crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"} for crd in crds.values())


def test_versions_are_the_projects() -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert (chart().metadata["version"], chart().metadata["appVersion"]) == (version, version)


def test_a_release_fits_into_its_secret() -> None:
    """Helm stores chart, values and manifest, as JSON, compressed, twice in base64."""
    files = [*chart().templates, *chart().files]
    manifest = chart().render({}, name="antiphon", namespace=NAMESPACE)
    release = json.dumps({"chart": [*files, chart().schema], "manifest": manifest}).encode()
    stored = base64.b64encode(base64.b64encode(gzip.compress(release)))
    print(f"a release takes {len(stored) / 1024:.0f} KiB of its Secret")
    assert len(stored) < MOST_BYTES_OF_A_SECRET / 2
