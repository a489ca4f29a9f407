"""Our chart, by Helm's own library: all of it is stored, an upgrade changes what was asked for, agents outlive it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml
from offline_apiserver import committed_crds
from rendered_chart import CHART, Obj, of_kind, rendered

from cluster import Cluster

QUIET: Obj = {"replicas": 0, "crds": {"install": False}}
"""No pod: this is about the objects. The suite has its CRDs already."""
OTHER_GROUP = "chart-test.dev"
OF_HELM = ("meta.helm.sh/release-name", "meta.helm.sh/release-namespace")
AGENT: Obj = {
    "apiVersion": "antiphon.dev/v1alpha1",
    "kind": "VoiceAgent",
    "metadata": {"name": "stays"},
    "spec": {"pipeline": {name: {"model": name} for name in ("vad", "asr", "llm", "tts")}, "slaPolicy": "any"},
}


class Release:
    """The chart under a name of the test's own: its cluster-scoped objects are named after it."""

    def __init__(self, cluster: Cluster, namespace: str, config: helm.Config) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.config = config
        self.name = f"antiphon-{namespace}"

    def install(self, **values: Any) -> None:
        done = self.config.install(CHART, self.name, {**QUIET, **values}, namespace=self.namespace)
        assert done["status"] == "deployed"

    def upgrade(self, **values: Any) -> None:
        self.config.upgrade(CHART, self.name, {**QUIET, **values}, namespace=self.namespace)

    def apply_chart(self, chart: Path) -> None:
        """With its CRDs: installed, or upgraded where it is there."""
        there = any(entry["name"] == self.name for entry in self.config.list())
        act = self.config.upgrade if there else self.config.install
        act(chart, self.name, {"replicas": 0}, namespace=self.namespace)

    def rendered(self, **values: Any) -> list[Obj]:
        return rendered({**QUIET, **values}, self.name, self.namespace)

    def stored(self, obj: Obj) -> Obj | None:
        where = ("-n", obj["metadata"]["namespace"]) if "namespace" in obj["metadata"] else ()
        kind = f"{obj['kind']}.{obj['apiVersion'].partition('/')[0]}" if "/" in obj["apiVersion"] else obj["kind"]
        done = self.cluster.kubectl("get", kind, obj["metadata"]["name"], *where, "-o", "json", "--ignore-not-found")
        found: Obj | None = json.loads(done.stdout) if done.stdout else None
        return found

    def deployment(self) -> Obj:
        (wanted,) = of_kind("Deployment", self.rendered())
        found = self.stored(wanted)
        assert found is not None
        return found


@pytest.fixture
def release(cluster: Cluster, namespace: str) -> Iterator[Release]:
    with helm.Config(kubeconfig_path=cluster.kubeconfig, namespace=namespace) as config:
        found = Release(cluster, namespace, config)
        yield found
        config.uninstall(found.name, ignore_not_found=True)


def _holds(stored: Any, wanted: Any) -> bool:
    """Everything that was wanted is stored; the API server adds defaults."""
    if wanted in ({}, [], None):
        return not stored
    if isinstance(wanted, dict):
        return isinstance(stored, dict) and all(_holds(stored.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(stored, list) and len(stored) == len(wanted) and all(map(_holds, stored, wanted))
    return bool(stored == wanted)


def test_all_of_it_is_stored_as_rendered(release: Release) -> None:
    release.install()
    wrong = [obj["kind"] for obj in release.rendered() if not _holds(release.stored(obj), obj)]
    assert wrong == []


def test_for_some_namespaces_too(release: Release) -> None:
    release.install(watchNamespaces=[release.namespace])
    roles = of_kind("Role", release.rendered(watchNamespaces=[release.namespace]))
    assert len(roles) == 2
    assert all(_holds(release.stored(role), role) for role in roles)


def test_an_upgrade_changes_what_was_asked_for_and_removes_what_is_not_wanted(release: Release) -> None:
    release.install()
    before = release.deployment()
    release.upgrade(runtime={"image": {"tag": "2"}}, networkPolicy={"enabled": False})
    after = release.deployment()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert "ghcr.io/antiphon-dev/antiphon-runtime:2" in after["spec"]["template"]["spec"]["containers"][0]["args"]
    (policy,) = of_kind("NetworkPolicy", release.rendered())
    assert release.stored(policy) is None


def test_an_upgrade_to_the_same_changes_nothing(release: Release) -> None:
    release.install()
    before = release.deployment()
    release.upgrade()
    assert release.deployment()["metadata"]["generation"] == before["metadata"]["generation"]


def test_uninstalling_leaves_agents_and_kinds(release: Release) -> None:
    release.install()
    release.cluster.make(AGENT, release.namespace)
    release.config.uninstall(release.name)
    assert [obj["kind"] for obj in release.rendered() if release.stored(obj)] == []
    assert release.cluster.get("VoiceAgent", "stays", release.namespace)


@pytest.fixture
def adopted(release: Release) -> Iterator[None]:
    """The suite's CRDs, marked as the release's: so Helm takes over what kubectl has applied."""
    crds = [crd["metadata"]["name"] for crd in committed_crds().values()]
    values = (release.name, release.namespace)
    marks = [f"{key}={value}" for key, value in zip(OF_HELM, values, strict=True)]
    release.cluster.kubectl("annotate", "crd", *crds, *marks, "--overwrite")
    release.cluster.kubectl("label", "crd", *crds, "app.kubernetes.io/managed-by=Helm", "--overwrite")
    yield
    release.cluster.kubectl("annotate", "crd", *crds, *(f"{key}-" for key in (*OF_HELM, "helm.sh/resource-policy")))
    release.cluster.kubectl("label", "crd", *crds, "app.kubernetes.io/managed-by-")


@pytest.mark.usefixtures("adopted")
def test_crds_come_with_the_release_and_outlive_it(release: Release) -> None:
    release.install(crds={"install": True})
    crds = of_kind("CustomResourceDefinition", release.rendered(crds={"install": True}))
    assert [crd["metadata"]["name"] for crd in crds if not _holds(release.stored(crd), crd)] == []
    assert [len(entry) for entry in release.config.list() if entry["name"] == release.name], "it fits into its Secret"
    release.cluster.make(AGENT, release.namespace)
    release.config.uninstall(release.name)
    assert all(release.stored(crd) for crd in crds)
    assert release.cluster.get("VoiceAgent", "stays", release.namespace)


@pytest.fixture
def chart_of_another_kind(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    """Our chart with one CRD, of which the suite has made nothing."""
    chart = tmp_path / "antiphon"
    shutil.copytree(CHART, chart)
    for path in (chart / "files" / "crds").glob("*.yaml"):
        if not path.name.startswith("gpupools"):
            path.unlink()
    file = chart / "files" / "crds" / "gpupools.antiphon.dev.yaml"
    text = file.read_text().replace("antiphon.dev", OTHER_GROUP)
    file.write_text(re.sub(r"categories:\s+- antiphon\n", "categories: []\n", text))  # kubectl remembers who is in one
    yield chart
    cluster.kubectl("delete", "crd", f"gpupools.{OTHER_GROUP}", "--ignore-not-found")


def test_an_upgrade_brings_crds_up_to_date(release: Release, chart_of_another_kind: Path) -> None:
    """What the folder crds/ of a chart would never do; and it stays when the release goes."""
    file = chart_of_another_kind / "files" / "crds" / "gpupools.antiphon.dev.yaml"
    for names in ("[gpool]", "[gpool, gpus]"):
        file.write_text(re.sub(r"shortNames:\s+(- .*|\[.*\])", f"shortNames: {names}", file.read_text()))
        release.apply_chart(chart_of_another_kind)
    crd = yaml.safe_load(file.read_text())
    assert crd["spec"]["names"]["shortNames"] == ["gpool", "gpus"]
    assert _holds(release.stored(crd), crd)
    release.config.uninstall(release.name)
    assert release.stored(crd)
