"""Port 9100 of the real program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from voice_process import PodProcess, emulated_stage, pod_process

from antiphon_crds.control import State, TuningResult

TOKEN = "secret-of-the-operator"
STAGES = [
    emulated_stage("vad"),
    emulated_stage("asr", variants=("a", "b")),
    emulated_stage("llm"),
    emulated_stage("tts"),
]


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodProcess]:
    folder = tmp_path_factory.mktemp("pod")
    (folder / "token").write_text(f"{TOKEN}\n")
    (folder / "keys").write_text("caller-key\n")
    server = {"controlTokenFile": str(folder / "token"), "apiKeysFile": str(folder / "keys")}
    with pod_process(folder, stages=STAGES, server=server) as running:
        yield running


def ask(pod: PodProcess, method: str, path: str, *, token: str | None = TOKEN, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.request(method, f"{pod.control_url}{path}", headers=headers, **more)


def test_health_is_open_control_is_not(pod: PodProcess) -> None:
    assert ask(pod, "GET", "/healthz", token=None).status_code == 200
    assert ask(pod, "GET", "/readyz", token=None).status_code == 200
    for token in (None, "wrong", TOKEN[:-1]):
        refused = ask(pod, "GET", "/control/v1/state", token=token)
        assert refused.status_code == 401
        assert "Bearer" in refused.headers["www-authenticate"]
        assert ask(pod, "PUT", "/control/v1/tuning", token=token, json={"generation": 1}).status_code == 401


def test_the_state_is_of_the_contract_and_says_what_is_emulated(pod: PodProcess) -> None:
    state = State.model_validate(ask(pod, "GET", "/control/v1/state").json())
    assert state.phase == "Ready"
    assert state.capacity is not None
    assert [stage.emulated for stage in state.stages] == [True] * 4
    assert state.device is not None
    assert state.device.pinning


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"generation": 1, "stages": [{"stage": "asr", "variant": "c"}]}, 422, "no variant 'c'; use one of a, b"),
        ({"generation": 1, "stages": [{"stage": "speech", "maxBatch": 2}]}, 422, "speech, which does not run here"),
        ({"generation": -1}, 422, "generation"),
        ({}, 422, "generation"),
        ([], 422, ""),
        ({"generation": 1, "unknown": 2}, 422, "unknown"),
    ],
)
def test_a_wrong_tuning_is_refused_with_field_and_value(pod: PodProcess, body: Any, status: int, said: str) -> None:
    answer = ask(pod, "PUT", "/control/v1/tuning", json=body)
    assert answer.status_code == status
    result = TuningResult.model_validate(answer.json())
    assert not result.accepted
    assert said in result.message


def test_a_tuning_is_applied_and_seen_in_state_and_metrics(pod: PodProcess) -> None:
    tuning = {"generation": 7, "stages": [{"stage": "asr", "variant": "b", "maxBatch": 3}], "maxSessions": 2}
    answer = ask(pod, "PUT", "/control/v1/tuning", json=tuning)
    assert answer.status_code == 202
    while ask(pod, "GET", "/control/v1/state").json()["generation"] != 7:
        pass
    state = State.model_validate(ask(pod, "GET", "/control/v1/state").json())
    (asr,) = (stage for stage in state.stages if stage.stage == "asr")
    assert (asr.variant, asr.max_batch, state.capacity) == ("b", 3, 2)
    assert ask(pod, "PUT", "/control/v1/tuning", json=tuning).status_code == 200
    assert ask(pod, "PUT", "/control/v1/tuning", json={"generation": 6}).status_code == 409
    metrics = ask(pod, "GET", "/metrics", token=None).text
    assert "antiphon_session_capacity 2.0" in metrics
    assert 'antiphon_variant_switch_seconds_count{mode="beside",stage="asr"} 1.0' in metrics


def test_callers_need_their_key(pod: PodProcess) -> None:
    url = f"http://{pod.host}:{pod.voice_port}"
    assert httpx.get(f"{url}/").status_code == 200
    for path in ("/v1/models", "/page/latency"):
        refused = httpx.get(f"{url}{path}")
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"
        assert httpx.get(f"{url}{path}", headers={"Authorization": "Bearer caller-key"}).status_code == 200


def test_files_of_the_command_line_go_before_those_of_the_configuration(tmp_path: Path) -> None:
    for name in ("token", "keys"):
        (tmp_path / f"old-{name}").write_text("old\n")
        (tmp_path / name).write_text(f"{name}-of-the-command-line\n")
    server = {"controlTokenFile": str(tmp_path / "old-token"), "apiKeysFile": str(tmp_path / "old-keys")}
    files = ["--control-token-file", str(tmp_path / "token"), "--api-keys-file", str(tmp_path / "keys")]
    with pod_process(tmp_path, options=files, server=server) as running:
        for token, status in (("token-of-the-command-line", 200), ("old", 401), (None, 401)):
            assert ask(running, "GET", "/control/v1/state", token=token).status_code == status
        models = f"http://{running.host}:{running.voice_port}/v1/models"
        for key, status in (("keys-of-the-command-line", 200), ("old", 401)):
            assert httpx.get(models, headers={"Authorization": f"Bearer {key}"}).status_code == status


@pytest.mark.parametrize("server", [{}, {"apiKeysFile": "/nowhere/keys"}])
def test_a_file_of_keys_that_is_missing_is_named(tmp_path: Path, server: dict[str, str]) -> None:
    missing = str(tmp_path / "missing")
    with (
        pytest.raises(AssertionError, match=f"{missing}: the keys can't be read"),
        pod_process(tmp_path, options=["--api-keys-file", missing], server=server),
    ):
        pass


def test_a_pod_that_can_not_start_says_why(tmp_path: Path) -> None:
    broken = emulated_stage("asr")
    broken["variants"][0] = {
        "name": "emulated", "engine": "faster-whisper", "memory": {"host": "1Mi"}, "source": {"path": {"path": "/nowhere"}},
    }  # fmt: skip
    with pytest.raises(AssertionError, match="/nowhere"), pod_process(tmp_path, stages=[broken]):
        pass


def test_a_port_that_is_taken_is_named(pod: PodProcess, tmp_path: Path) -> None:
    taken = {"voicePort": pod.voice_port}
    with (
        pytest.raises(AssertionError, match=f"can't listen on 127.0.0.1:{pod.voice_port}"),
        pod_process(tmp_path, server=taken),
    ):
        pass


def test_the_log_is_one_object_a_line(pod: PodProcess) -> None:
    for line in pod.log.read_text().splitlines():
        assert json.loads(line)["message"]
