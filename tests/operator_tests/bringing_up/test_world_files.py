"""What a world is made of, and what of it is fetched and mounted."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from manifest_files import EXAMPLES, PRESETS, documents

from antiphon_crds.sessions import ModelCache
from antiphon_operator.bringing_up.errors import BringingUpError
from antiphon_operator.bringing_up.model_cache import CLAIM, cache_claim, cache_volume, with_cache
from antiphon_operator.bringing_up.models import cpu_models, default_folder
from antiphon_operator.bringing_up.sandbox_world import default_kubeconfig
from antiphon_operator.bringing_up.world_files import example_file, read_agent_file, read_presets
from antiphon_runtime.main import _parser
from antiphon_sandbox import world_file

VARIANTS = {
    "silero-vad": ["v6-fp32"],
    "whisper-cpu": ["tiny.en-int8"],
    "smollm2": ["135m-q4"],
    "hibari": ["heart-int8"],
}


def test_the_example_is_found_with_all_that_it_names() -> None:
    file = read_agent_file(example_file())
    assert example_file() in EXAMPLES
    assert (file.agent.metadata.name, file.others, file.resolution.findings) == ("hello-world", (), ())


def test_presets_are_all_of_them() -> None:
    assert read_presets() == [document.data for preset in PRESETS for document in documents(preset)]


def test_only_what_the_agent_may_run_here_is_fetched() -> None:
    models = cpu_models(read_agent_file(example_file()).resolution)
    assert {
        model["metadata"]["name"]: [each["name"] for each in model["spec"]["variants"]] for model in models
    } == VARIANTS


def test_emulated_and_gpu_models_are_not() -> None:
    file = next(path for path in EXAMPLES if path.parent.name.startswith("1-") and path.name == "agent.yaml")
    read = read_agent_file(file)
    assert [model["metadata"]["name"] for model in cpu_models(read.resolution)] == ["silero-vad"]
    assert {finding.message for finding in read.resolution.findings} == {"there is no GPUPool b200"}


def edited(folder: Path, **spec: Any) -> Path:
    data = yaml.safe_load(example_file().read_text())
    (folder / "agent.yaml").write_text(yaml.safe_dump({**data, "spec": {**data["spec"], **spec}}))
    return folder / "agent.yaml"


def test_an_agent_that_names_nothing_that_is_there(tmp_path: Path) -> None:
    """It may be in the cluster: only the cluster can tell."""
    (finding,) = read_agent_file(edited(tmp_path, slaPolicy="nobodys")).resolution.findings
    assert finding.message == "there is no SLAPolicy nobodys"


def test_an_agent_that_can_not_work(tmp_path: Path) -> None:
    pipeline = yaml.safe_load(example_file().read_text())["spec"]["pipeline"]
    wrong = {**pipeline, "asr": {**pipeline["asr"], "variants": ["huge"]}}
    with pytest.raises(BringingUpError, match=r"agent.yaml can't work:\n.*huge"):
        read_agent_file(edited(tmp_path, pipeline=wrong))


def test_a_file_of_its_own_may_bring_what_it_names(tmp_path: Path) -> None:
    policy = {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "SLAPolicy",
        "metadata": {"name": "mine"},
        "spec": {"objectives": [{"name": "turn", "indicator": "turn", "percentile": 95, "targetMs": 3000}]},
    }
    path = edited(tmp_path, slaPolicy="mine")
    path.write_text(f"{path.read_text()}---\n{yaml.safe_dump(policy)}")
    assert read_agent_file(path).others == (policy,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "can't be read"),
        ("a: [", "is no valid YAML"),
        ("{apiVersion: v1, kind: Secret, metadata: {name: s}}", "has 0 VoiceAgents"),
        ("{apiVersion: antiphon.dev/v1alpha1, kind: VoiceAgent, metadata: {name: a}, spec: {}}", "agent.yaml:1"),
    ],
)
def test_a_file_that_makes_no_sense(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "agent.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BringingUpError, match=says):
        read_agent_file(path)


def test_the_folder_of_models_becomes_the_agents_cache(tmp_path: Path) -> None:
    agent = with_cache(read_agent_file(example_file()).manifest)
    assert agent["spec"]["runtime"]["modelCache"] == {"claim": CLAIM}
    volume, claim = cache_volume(tmp_path, "shop"), cache_claim("shop")
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
    assert volume["spec"]["hostPath"]["path"] == str(tmp_path)
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


@pytest.mark.parametrize("cache", [{"size": "2Gi"}, {"claim": "mine"}])
def test_but_not_where_it_says_something_of_a_cache(tmp_path: Path, cache: dict[str, str]) -> None:
    ModelCache.from_manifest(cache)
    manifest = read_agent_file(edited(tmp_path, runtime={"modelCache": cache, "logLevel": "debug"})).manifest
    assert with_cache(manifest) is manifest
    open_one = read_agent_file(edited(tmp_path, runtime={"logLevel": "debug"})).manifest
    assert with_cache(open_one)["spec"]["runtime"] == {"logLevel": "debug", "modelCache": {"claim": CLAIM}}


@pytest.mark.parametrize("variable", ["", "/data/models"])
def test_the_folder_is_the_runtimes_own_default(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("ANTIPHON_MODELS", variable)
    assert default_folder() == _parser().parse_args(["models", "list"]).cache


@pytest.mark.parametrize("variable", ["", "/data/state"])
def test_the_kubeconfig_is_the_sandboxs_own_default(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", variable)
    assert default_kubeconfig() == world_file.default_kubeconfig()
