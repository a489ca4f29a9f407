"""Dashboards and rules: every metric and label that they name is there, and alerts fire when they should, by promtool."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendered_chart import CHART, MONITORED, REPOSITORY, Obj, of_kind, rendered, the_only

from antiphon_operator import names
from antiphon_operator.operate.metrics import Metrics
from antiphon_operator.rendering import services

DASHBOARDS = sorted((CHART / "files" / "dashboards").glob("*.json"))
ALL_INDICATORS: Obj = {
    **MONITORED,
    "monitoring": {
        **MONITORED["monitoring"],
        "rules": {
            "enabled": True,
            "objectives": [
                {
                    "name": name.lower(),
                    "indicator": name,
                    "percentile": 99.5,
                    "targetMs": 450,
                    "window": "2m",
                    "agents": "a|b",
                }
                for name in ("turn", "response", "bargeIn", "sessionStart")
            ]
            + [
                {"name": name.lower(), "indicator": name, "maxRatio": 0.01, "window": "1h"}
                for name in ("rejectedSessions", "droppedSessions", "failedTurns", "audioUnderruns", "missedFrames")
            ],
        },
    },
}
OF_THE_SCRAPE = {"namespace", "pod", "agent", "group", "node", "le"}
_ROW = re.compile(r"^\| `(antiphon_\w+)` \| \w+ \| (.*?) \|", re.MULTILINE)
_NAME = re.compile(r"antiphon[_:][\w:]+")
_SELECTOR = re.compile(r"(antiphon[_:][\w:]+)\{(.*?)\}")
_AGGREGATED = re.compile(r"\b(?:by|on) \(([^)]*)\)")
_PARTS = re.compile(r"_(bucket|sum|count)$")

promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool (Debian: prometheus)")


def _documented() -> dict[str, set[str]]:
    """Metric of the runtime -> its labels, as its reference has them."""
    text = (REPOSITORY / "docs" / "runtime-reference.md").read_text()
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in _ROW.findall(text)}


def _of_the_operator() -> dict[str, set[str]]:
    """As they are scraped: a counter ends with _total."""
    found = {}
    for collector in vars(Metrics()).values():
        if hasattr(collector, "_labelnames"):
            (family,) = collector.describe()
            found[family.name + ("_total" if family.type == "counter" else "")] = set(collector._labelnames)
    return found


def _rules(values: Obj = ALL_INDICATORS) -> list[Obj]:
    groups = the_only("PrometheusRule", rendered(values))["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _recorded() -> dict[str, set[str]]:
    """Recorded series -> the labels that they keep."""
    return {
        rule["record"]: set(re.findall(r"\w+", _AGGREGATED.search(rule["expr"])[1])) - {"le"}  # type: ignore[index]
        for rule in _rules()
        if "record" in rule
    }


def _expressions() -> list[tuple[str, str]]:
    """Where it stands, and the PromQL."""
    found = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in _rules()]
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        found += [(f"{path.stem}: {where}", text) for where, text in _queries(board)]
    return found


def _queries(board: Any) -> Iterator[tuple[str, str]]:
    for panel in board["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", ()))
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


def test_the_tables_are_read() -> None:
    assert _documented()["antiphon_turn_e2e_seconds"] == {"emulated"}
    assert _of_the_operator()["antiphon_operator_reconciles_total"] == {"result"}
    assert _of_the_operator()["antiphon_operator_leader"] == set()
    assert len(_expressions()) > 80


def test_every_metric_exists_with_its_labels() -> None:
    known = {**_documented(), **_of_the_operator(), **_recorded()}
    wrong = []
    for where, text in _expressions():
        missing = {name for name in _NAME.findall(text) if _PARTS.sub("", name) not in known}
        wrong += [f"{where}: there is no {name}" for name in missing]
        for name, selector in _SELECTOR.findall(text):
            labels = set(re.findall(r"(\w+)\s*[=!]", selector))
            unknown = labels - known.get(_PARTS.sub("", name), set()) - OF_THE_SCRAPE
            wrong += [f"{where}: {name} has no {label}" for label in unknown]
    assert wrong == []


def test_every_label_that_is_summed_by_exists() -> None:
    known = {**_documented(), **_of_the_operator(), **_recorded()}
    wrong = []
    for where, text in _expressions():
        labels = set().union(*(known[_PARTS.sub("", name)] for name in _NAME.findall(text))) | OF_THE_SCRAPE
        by = set().union(*(re.findall(r"\w+", listed) for listed in _AGGREGATED.findall(text)))
        wrong += [f"{where}: {label}" for label in by - labels]
    assert wrong == []


def test_dashboards_are_whole() -> None:
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    assert len({board["uid"] for board in boards}) == len(boards) == 3
    for board in boards:
        identifiers = [panel["id"] for panel in board["panels"]]
        assert len(set(identifiers)) == len(identifiers)
        assert [panel["title"] for panel in board["panels"] if not _is_placed(panel)] == []
        for panel in board["panels"]:
            assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"
    titles = {(config["metadata"]["name"], *config["data"]) for config in of_kind("ConfigMap", rendered(MONITORED))}
    assert titles == {(f"antiphon-operator-{path.stem}", path.name) for path in DASHBOARDS}


def _is_placed(panel: Obj) -> bool:
    place = panel["gridPos"]
    return bool(place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["h"] > 0)


def test_dashboards_arrive_unchanged_and_can_be_found() -> None:
    for config in of_kind("ConfigMap", rendered(MONITORED)):
        ((name, text),) = config["data"].items()
        assert json.loads(text) == json.loads((CHART / "files" / "dashboards" / name).read_text())
        assert config["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_the_voices_are_scraped_where_they_serve() -> None:
    spec = the_only("PodMonitor", rendered(MONITORED))["spec"]
    (endpoint,) = spec["podMetricsEndpoints"]
    assert endpoint["port"] == services._CONTROL["name"]
    assert spec["selector"]["matchLabels"].items() <= names.group_labels("any", "any").items()
    relabelled = {each["targetLabel"]: each["sourceLabels"] for each in endpoint["relabelings"]}
    assert relabelled["agent"] == ["__meta_kubernetes_pod_label_" + re.sub(r"\W", "_", names.AGENT_LABEL)]
    assert relabelled["group"] == ["__meta_kubernetes_pod_label_" + re.sub(r"\W", "_", names.GROUP_LABEL)]
    of_two = the_only("PodMonitor", rendered({**MONITORED, "watchNamespaces": ["a", "b"]}))["spec"]
    assert of_two["namespaceSelector"] == {"matchNames": ["a", "b"]}


def test_the_operator_is_scraped_where_it_serves() -> None:
    objects = rendered(MONITORED)
    spec, service = the_only("ServiceMonitor", objects)["spec"], the_only("Service", objects)
    assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert spec["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]


def test_every_alert_says_what_to_know() -> None:
    for rule in _rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert set(rule["annotations"]) == {"summary", "description"}


# --- by promtool -------------------------------------------------------------------------------------------------------

_OPERATOR = 'namespace="antiphon-system",pod="operator-0"'
_VOICE = 'namespace="calls",agent="support",pod="support-0"'
_HEALTHY = {
    f"antiphon_operator_leader{{{_OPERATOR}}}": "1+0x120",
    f'antiphon_operator_reconciles_total{{{_OPERATOR},result="settled"}}': "0+60x120",
    f'antiphon_operator_watch_age_seconds{{{_OPERATOR},resource="pods"}}': "30+0x120",
    f"antiphon_operator_queue_depth{{{_OPERATOR}}}": "3+0x120",
    f'antiphon_operator_agents{{{_OPERATOR},phase="Ready"}}': "5+0x120",
    f"antiphon_ready{{{_VOICE}}}": "1+0x120",
    f'antiphon_sessions{{{_VOICE},state="speaking"}}': "5+0x120",
    f"antiphon_session_capacity{{{_VOICE}}}": "10+0x120",
    f"antiphon_session_start_seconds_count{{{_VOICE}}}": "0+60x120",
    f'antiphon_sessions_rejected_total{{{_VOICE},reason="full"}}': "0+0x120",
    f'antiphon_turns_total{{{_VOICE},result="completed"}}': "0+60x120",
    f'antiphon_turns_total{{{_VOICE},result="failed"}}': "0+0x120",
    f'antiphon_turn_e2e_seconds_bucket{{{_VOICE},le="0.5",emulated="false"}}': "0+60x120",
    f'antiphon_turn_e2e_seconds_bucket{{{_VOICE},le="5"}}': "0+60x120",
    f'antiphon_turn_e2e_seconds_bucket{{{_VOICE},le="+Inf"}}': "0+60x120",
}
"""Samples of a good two hours, a minute apart."""

_BAD = {
    "AntiphonOperatorDown": {f"antiphon_operator_leader{{{_OPERATOR}}}": "1+0x10 stale"},
    "AntiphonNoLeader": {f"antiphon_operator_leader{{{_OPERATOR}}}": "1+0x10 0+0x110"},
    "AntiphonTwoLeaders": {f"antiphon_operator_leader{{{_OPERATOR.replace('-0', '-1')}}}": "1+0x120"},
    "AntiphonReconcileErrors": {f'antiphon_operator_reconciles_total{{{_OPERATOR},result="failed"}}': "0+6x120"},
    "AntiphonQueueGrows": {f"antiphon_operator_queue_depth{{{_OPERATOR}}}": "60+1x120"},
    "AntiphonWatchStale": {f'antiphon_operator_watch_age_seconds{{{_OPERATOR},resource="pods"}}': "0+60x120"},
    "AntiphonAgentsInTrouble": {f'antiphon_operator_agents{{{_OPERATOR},phase="Invalid"}}': "2+0x120"},
    "AntiphonAgentNotReady": {f"antiphon_ready{{{_VOICE}}}": "0+0x120"},
    "AntiphonSessionsRejected": {f'antiphon_sessions_rejected_total{{{_VOICE},reason="full"}}': "0+1x120"},
    "AntiphonCapacityNearlyUsed": {f"antiphon_session_capacity{{{_VOICE}}}": "5+0x120"},
    "AntiphonEventLoopLate": {
        f'antiphon_event_loop_lag_seconds_bucket{{{_VOICE},le="0.02"}}': "0+1x120",
        f'antiphon_event_loop_lag_seconds_bucket{{{_VOICE},le="0.2"}}': "0+60x120",
        f'antiphon_event_loop_lag_seconds_bucket{{{_VOICE},le="+Inf"}}': "0+60x120",
    },
    "AntiphonObjectiveMissed": {f'antiphon_turns_total{{{_VOICE},result="failed"}}': "0+1x120"},
}
"""Alert -> what is otherwise where it must fire."""


def _world(changed: Obj, expression: str, value: int) -> Obj:
    """One test of promtool's: two hours of these samples, and what the expression is then."""
    series = [{"series": name, "values": values} for name, values in {**_HEALTHY, **changed}.items()]
    question = {"expr": expression, "eval_time": "2h", "exp_samples": [{"labels": "{}", "value": value}]}
    return {"interval": "1m", "input_series": series, "promql_expr_test": [question]}


def _firing(alert: str) -> str:
    return f'count(ALERTS{{alertname=~"{alert}",alertstate="firing"}}) or vector(0)'


@promtool
def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(the_only("PrometheusRule", rendered(ALL_INDICATORS))["spec"]))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
def test_alerts_fire_when_they_should_and_not_when_all_is_well(tmp_path: Path) -> None:
    """One run for all: promtool tells which of them did not."""
    rules = the_only("PrometheusRule", rendered(MONITORED))["spec"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    worlds = [_world({}, _firing(".+"), 0)]
    worlds += [_world(changed, _firing(alert), 1) for alert, changed in _BAD.items()]
    asked = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": worlds}
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(asked, width=1000))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tried() -> None:
    assert {rule["alert"] for rule in _rules() if "alert" in rule} == set(_BAD)
