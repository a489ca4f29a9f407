"""The configuration of pods: what is in it, and that the runtime reads back what was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from agent_plans import SETTINGS, agent_with, example_agents, example_catalog, example_plan, plan_of
from drawn_plans import drawn_plans, drawn_settings
from hypothesis import given, settings
from objects import model, variant

from antiphon_crds.control import StageTuning, Tuning
from antiphon_crds.runtime_config import RuntimeConfig, StageConfig
from antiphon_operator import names
from antiphon_operator.objects import name_of
from antiphon_operator.rendering.children import children
from antiphon_operator.rendering.plan import AgentPlan, RenderSettings
from antiphon_operator.rendering.runtime_config import as_text, runtime_config
from antiphon_policies.resolution import Catalog
from antiphon_runtime.configuration import read_configuration
from antiphon_runtime.server.assembly import assemble


def _configs(plan: AgentPlan, render: RenderSettings = SETTINGS) -> dict[str, RuntimeConfig]:
    """By group."""
    return {group_plan.group.name: runtime_config(plan, group_plan, render) for group_plan in plan.groups}


def _stages(config: RuntimeConfig) -> dict[str, StageConfig]:
    return {stage.stage: stage for stage in config.stages}


@given(drawn_plans(), drawn_settings)
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, plan: AgentPlan, render: RenderSettings
) -> None:
    file = tmp_path_factory.getbasetemp() / "runtime.yaml"
    for config in _configs(plan, render).values():
        text = as_text(config)
        file.write_text(text, encoding="utf-8")
        assert read_configuration(file) == config
        assert RuntimeConfig.from_manifest(orjson.loads(text)) == config


def test_texts_that_look_like_something_else_stay_texts(tmp_path: Path) -> None:
    odd = "1e3 no ~ \x85 \u2028 \ufeff \x7f \U0001f600 : # [\n\t\\"
    spec = example_agents()["hello-world"].to_manifest()["spec"]
    spec["pipeline"]["llm"]["options"]["instructions"] = odd
    (config,) = _configs(plan_of(agent_with(example_agents()["hello-world"], **spec))).values()
    file = tmp_path / "runtime.yaml"
    file.write_text(as_text(config), encoding="utf-8")
    options = _stages(read_configuration(file))["llm"].options.llm
    assert options is not None
    assert options.instructions == odd


def test_options_of_engines_may_be_null(tmp_path: Path) -> None:
    server = variant("served", engine="openai", url="http://llm:8000/v1", options={"extra": {"max_tokens": None}})
    catalog = example_catalog()
    models = {**catalog.models, "smollm2": model("llm", server, name="smollm2")}
    plan = plan_of(example_agents()["hello-world"], Catalog(catalog.policies, models, catalog.pools))
    (config,) = _configs(plan).values()
    file = tmp_path / "runtime.yaml"
    file.write_text(as_text(config), encoding="utf-8")
    read = _stages(read_configuration(file))["llm"].variants[0]
    assert read.options == {"extra": {"max_tokens": None}}


def test_the_config_map_has_the_configuration() -> None:
    plan = example_plan("cascade")
    written = {name_of(obj): obj["data"] for obj in children(plan, SETTINGS) if obj["kind"] == "ConfigMap"}
    for group, config in _configs(plan).items():
        assert written[f"cascade-{group}"] == {names.CONFIG_KEY: as_text(config)}


class TestStages:
    def test_the_entry_reaches_other_groups_and_they_have_only_their_own(self) -> None:
        configs = _configs(example_plan("cascade"))
        entry = _stages(configs["hearing"])
        assert {name: stage.remote for name, stage in entry.items()} == {
            "vad": None,
            "asr": None,
            "llm": "http://cascade-thinking.default.svc:8080",
            "tts": "http://cascade-speaking.default.svc:8080",
        }
        assert entry["llm"].options.llm is not None
        assert entry["llm"].options.llm.max_new_tokens == 80
        assert list(_stages(configs["thinking"])) == ["llm"]
        assert list(_stages(configs["speaking"])) == ["tts"]

    def test_the_clusters_domain_is_in_the_address(self) -> None:
        render = replace(SETTINGS, cluster_domain="cluster.local")
        entry = _stages(_configs(example_plan("cascade"), render)["hearing"])
        assert entry["llm"].remote == "http://cascade-thinking.default.svc.cluster.local:8080"

    def test_a_stage_that_needs_a_request_a_frame_is_not_reached_elsewhere(self) -> None:
        configs = _configs(example_plan("face"))
        assert list(_stages(configs["voice"])) == ["vad", "asr", "llm", "tts"]
        assert list(_stages(configs["face"])) == ["lipsync"]

    def test_variants_are_the_stages_narrowed_by_the_group_and_by_what_fits(self) -> None:
        plan = example_plan("diarization")
        configs = _configs(plan)
        assert [each.name for each in _stages(configs["cpu"])["diarization"].variants] == ["cpu-fp32", "cpu-int8"]
        assert [each.name for each in _stages(configs["gpu"])["diarization"].variants] == ["gpu-fp16"]
        first = plan.groups[0]
        fits = replace(first, choice=replace(first.choice, variants={"diarization": ("cpu-int8",)}))
        config = runtime_config(plan, fits, SETTINGS)
        assert _stages(config)["diarization"].variant == "cpu-int8"
        assert [tuned.variant for tuned in config.tuning.stages] == ["cpu-int8"]

    def test_a_model_on_trial_is_there_in_full(self) -> None:
        for config in _configs(example_plan("diarization")).values():
            trial = _stages(config)["diarization"].trial
            assert trial is not None
            assert (trial.model, trial.share) == ("ge2e", 0.05)
            assert tuple(trial.variants) == tuple(example_catalog().models["ge2e"].spec.variants)

    def test_a_model_that_judges_the_end_of_a_turn_is_there_in_full(self) -> None:
        spec = example_agents()["hello-world"].to_manifest()["spec"]
        spec["pipeline"]["vad"]["turnEndModel"] = "silero-vad"
        (config,) = _configs(plan_of(agent_with(example_agents()["hello-world"], **spec))).values()
        turn_end = _stages(config)["vad"].turn_end
        assert turn_end is not None
        assert (turn_end.model, turn_end.variants[0].name) == ("silero-vad", "v6-fp32")

    @pytest.mark.parametrize("name", ["hello-world", "cascade", "cascade-emulated", "diarization"])
    def test_the_runtime_can_put_the_stages_together(self, name: str) -> None:
        for config in _configs(example_plan(name)).values():
            parts = list(assemble(config, lambda _: None))
            assert [part.config.stage for part in parts] == [stage.stage for stage in config.stages]


def test_bounds_of_the_agent_and_facts_of_the_choice() -> None:
    agent = agent_with(
        example_agents()["duplex"],
        namespace="calls",
        runtime={"logLevel": "debug", "tracesEndpoint": "http://t:4318", "modelCache": {"image": "ghcr.io/acme/m:1"}},
    )
    plan = plan_of(agent)
    group_plan = replace(plan.groups[0], choice=replace(plan.groups[0].choice, hardware="h200-141gb/2g.35gb"))
    config = runtime_config(plan, group_plan, SETTINGS)
    assert (config.identity.agent, config.identity.namespace, config.identity.group) == ("duplex", "calls", "main")
    assert config.machine.hardware == "h200-141gb/2g.35gb"
    assert (config.machine.numa, config.machine.offline) == ("Pin", True)
    assert (config.telemetry.log_level, config.telemetry.traces_endpoint) == ("debug", "http://t:4318")
    assert (config.sessions.idle_timeout, config.sessions.duty_cycle) == ("2m", 1.0)
    assert config.server.allowed_origins == ["https://voice.example.com"]
    assert config.audio == agent.spec.audio


def test_a_tuning_for_what_the_pods_have_not_is_not_written() -> None:
    plan = example_plan()
    old = Tuning(
        generation=7,
        stages=[StageTuning(stage="asr", variant="gone", max_batch=4), StageTuning(stage="lipsync", max_batch=2)],
    )
    config = runtime_config(plan, replace(plan.groups[0], tuning=old), SETTINGS)
    wanted = StageTuning(stage="asr", variant="tiny.en-int8", max_batch=4)
    assert config.tuning == Tuning(generation=7, stages=[wanted])
