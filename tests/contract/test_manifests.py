"""YAML as Kubernetes reads it, and problems that name file, line, field, value and what would be right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from manifest_files import WRONG, right_documents, wrong_manifest
from offline_apiserver import admit, all_rules, broken_rules, committed_crds, schema_of

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.documents import Document
from antiphon_crds.manifests import LocatedProblem, load, read_documents
from antiphon_crds.stages import STAGES

_AGENT = """\
apiVersion: antiphon.dev/v1alpha1
kind: VoiceAgent
metadata: {name: hello}
spec:
  slaPolicy: conversational
  pipeline:
    vad: {model: silero-vad}
    llm: {model: llama}
"""


_LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


def _problems(text: str) -> list[str]:
    found: list[str] = []
    for document in read_documents("agent.yaml", text):
        problems = (document,) if isinstance(document, LocatedProblem) else load(document).problems
        found += map(str, problems)
    return found


def _data(text: str) -> object:
    (document,) = read_documents("x.yaml", text)
    assert isinstance(document, Document)
    return document.data


class TestReading:
    def test_booleans_are_kubectls(self) -> None:
        assert _data("[yes, No, ON, off, y, N, true, False]") == [True, False] * 4
        assert _data("['yes', yEs, nope]") == ["yes", "yEs", "nope"]
        assert _data("on: 1") == {"true": 1}

    def test_times_stay_strings(self) -> None:
        assert _data("at: 2026-12-24T09:00:00Z\nday: 2026-12-24") == {"at": "2026-12-24T09:00:00Z", "day": "2026-12-24"}

    @pytest.mark.parametrize(
        ("text", "value"),
        [("12:30", "12:30"), ("1e3", 1000.0), ("010", 8), ("0x1F", 31), ("-7", -7), ("+.5", 0.5), ("1.2.3", "1.2.3"),
         ("0.2.1", "0.2.1"), ("08", 8.0), ("1_000", 1000), ("~", None), ("20.0", 20), ("2e1", 20), ("0o10", 8),
         ("'5'", "5"), ("5m", "5m"), ("-", [None])],
    )  # fmt: skip
    def test_plain_words(self, text: str, value: object) -> None:
        assert _data(f"a: {text}" if text != "-" else "a: [~]") == {"a": value}

    def test_anchors_and_merge_keys(self) -> None:
        text = "a: &a {k: 1, l: 2}\nb: {<<: *a, l: 3}\nc: {<<: [{m: 1}, *a]}\nd: *a\n"
        whole = {"k": 1, "l": 2}
        assert _data(text) == {"a": whole, "b": {"k": 1, "l": 3}, "c": {"m": 1, **whole}, "d": whole}

    def test_a_list_is_its_items(self) -> None:
        text = "apiVersion: v1\nkind: List\nitems:\n- {a: 1}\n- b: 2\n  c: [3]\n"
        first, second = read_documents("x.yaml", text)
        assert isinstance(first, Document)
        assert isinstance(second, Document)
        assert (first.data, second.data) == ({"a": 1}, {"b": 2, "c": [3]})
        assert second.line_of(("c", 0)) == 6

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a: &a [*a]", "too large or too deep"),
            (_LAUGHS, "too large or too deep"),
            ("a: " + "[" * 2000, "nested too deeply"),
            ("? [1]\n: 2", "a key must be a text"),
            ("a: !!python/object:os.system x", "could not determine a constructor"),
            ("a: !!int x", "invalid literal"),
            ("a: {<<: 1}", "<< takes a mapping"),
            ("a: \x07", "special characters are not allowed"),
            ("a: *b", "found undefined alias"),
            ("a: [.nan]", ".nan is no finite number"),
        ],
        ids=["endless", "laughs", "deep", "key", "object", "int", "merge", "bell", "alias", "nan"],
    )  # fmt: skip
    def test_hostile_files_end_in_a_problem(self, text: str, expected: str) -> None:
        (problem,) = _problems(text)
        assert expected in problem

    def test_json_is_yaml(self) -> None:
        assert _data('{"a": [1, 2.5, null, "x"]}') == {"a": [1, 2.5, None, "x"]}

    def test_empty_documents_are_passed_over(self) -> None:
        assert list(read_documents("x.yaml", "---\n---\n# nothing\n")) == []

    def test_a_syntax_error_names_its_line(self) -> None:
        assert _problems("a: 1\nb: [1\n") == [
            "agent.yaml:3: document: (the file): is no valid YAML: expected ',' or ']', but got '<stream end>'"
        ]

    def test_a_key_that_stands_twice_is_refused(self) -> None:
        (problem,) = _problems("a: 1\na: 2\n")
        assert problem.startswith("agent.yaml:2: ")
        assert "'a' stands twice in one mapping; keep one" in problem

    def test_documents_before_a_syntax_error_are_kept(self) -> None:
        first, second = read_documents("x.yaml", "a: 1\n---\nb: [\n")
        assert isinstance(first, Document)
        assert isinstance(second, LocatedProblem)


class TestProblems:
    def test_none_in_a_right_one(self) -> None:
        assert _problems(_AGENT) == []

    @pytest.mark.parametrize(
        ("wrong", "expected"),
        [
            (
                "  slaPolcy: x\n",
                "agent.yaml:9: VoiceAgent/hello: spec.slaPolcy: there is no such field; did you mean slaPolicy?",
            ),
            (
                "  scaling: {replicas: two}\n",
                'agent.yaml:9: VoiceAgent/hello: spec.scaling.replicas: "two" is a string; use a whole number',
            ),
            (
                "  scaling: {replicas: -1}\n",
                "agent.yaml:9: VoiceAgent/hello: spec.scaling.replicas: -1 is too small; use 0 or more",
            ),
            (
                "  scaling: {mode: auto}\n",
                'agent.yaml:9: VoiceAgent/hello: spec.scaling.mode: "auto" is not known; use SLA or External',
            ),
            (
                "  sessions:\n    drain: 15 minutes\n",
                (
                    'agent.yaml:10: VoiceAgent/hello: spec.sessions.drain: "15 minutes" does not fit;'
                    " use a duration, such as 500ms, 90s, 15m or 1h30m"
                ),
            ),
            (
                "  scaling:\n    maxReplicas: 3\n    minReplicas: 9\n",
                (
                    "agent.yaml:11: VoiceAgent/hello: spec.scaling.minReplicas:"
                    " minReplicas is 9; it must be at most maxReplicas, 3"
                ),
            ),
            (
                "  traffic: [{name: a}]\n",
                "agent.yaml:9: VoiceAgent/hello: spec.traffic[0].sessions: is missing; Concurrent sessions expected.",
            ),
        ],
    )
    def test_name_line_field_value_and_what_would_be_right(self, wrong: str, expected: str) -> None:
        assert _problems(_AGENT + wrong) == [expected]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("- 1\n", "is no object"),
            ("kind: VoiceAgent\n", "apiVersion: is missing; use antiphon.dev/v1alpha1"),
            ("apiVersion: antiphon.dev/v1alpha1\n", "kind: is missing; use VoiceAgent, SLAPolicy"),
            ("apiVersion: v1\nkind: Pod\n", "'v1' is not served; use antiphon.dev/v1alpha1"),
            ("apiVersion: antiphon.dev/v1alpha1\nkind: Agent\n", "'Agent' is not known; use VoiceAgent, SLAPolicy"),
            ("apiVersion: antiphon.dev/v1alpha1\nkind: [1]\n", "is not known"),
        ],
    )
    def test_what_is_none_of_our_kinds(self, text: str, expected: str) -> None:
        (problem,) = _problems(text)
        assert expected in problem

    def test_what_a_value_brings_in_does_not_break_the_line(self) -> None:
        (problem,) = _problems(_AGENT + '  traffic: [{name: a, cron: "0 9\\n\\e[31m * * *", sessions: 1}]\n')
        assert "'0 9\\n\\x1b[31m * * *' is no cron line" in problem

    def test_names_are_the_manifests_own(self) -> None:
        (problem,) = _problems(_AGENT + "  scaling: {min_replicas: 1}\n")
        assert "spec.scaling.min_replicas: there is no such field; did you mean minReplicas?" in problem

    def test_a_null_is_as_good_as_absent(self) -> None:
        assert _problems(_AGENT + "  objectives: null\n  scaling: {mode: null, replicas: ~}\n") == []

    def test_an_object_from_a_newer_api_server_is_read_all_the_same(self) -> None:
        data = {
            "apiVersion": "antiphon.dev/v1alpha1", "kind": "VoiceAgent",
            "metadata": {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": []},
            "spec": {"slaPolicy": "p", "pipeline": {"vad": {"model": "m"}, "llm": {"model": "m"}}, "newField": 1},
            "status": {"phase": "Ready", "newer": {}},
        }  # fmt: skip
        assert VoiceAgent.from_manifest(data, ignore_unknown=True).spec.sla_policy == "p"


class TestRight:
    """Presets and examples."""

    @pytest.mark.parametrize("document", right_documents(), ids=lambda document: document.data["metadata"]["name"])
    def test_valid_for_both(self, document: Document) -> None:
        assert load(document).problems == ()
        assert admit(document.data) == []

    @pytest.mark.parametrize("document", right_documents(), ids=lambda document: document.data["metadata"]["name"])
    def test_survives_a_round_trip(self, document: Document) -> None:
        found = load(document).object
        assert found is not None
        again = load(Document("again", found.to_manifest(), {(): 1}))
        assert again.object == found
        assert admit(found.to_manifest()) == []


def _family(rule: str) -> str:
    stage = "|".join(STAGES)
    rule = re.sub(r"v\.engine in \[.*?\]", "v.engine in [...]", rule)
    return re.sub(rf"'({stage})'|pipeline\.({stage})\)|'[0-9]+(ms|s|m|h)'|^self >= [0-9.]+$", "...", rule)


class TestWrong:
    """Each wrong in its own way; refused by schema or CEL, and by the types, for the same reason."""

    def test_there_are_forty_and_half_are_wrong_only_by_a_rule(self) -> None:
        found = [wrong_manifest(path) for path in WRONG]
        assert len(found) >= 40
        assert sum(wrong.by == "rule" for wrong in found) * 2 >= len(found)
        assert len({(wrong.data["kind"], wrong.field, wrong.says) for wrong in found}) == len(found)
        assert {wrong.data["kind"] for wrong in found} == {"VoiceAgent", "SLAPolicy", "VoiceModel", "GPUPool"}

    def test_every_rule_is_broken_by_one_of_them(self) -> None:
        """Rules that are made for every stage, or for every pair of bounds, count as one."""
        broken = {rule for path in WRONG for rule in broken_rules(wrong_manifest(path).data)}
        every = {rule for kind in committed_crds() for rule in all_rules(schema_of(kind))}
        assert set(map(_family, every)) == set(map(_family, broken))

    @pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
    def test_types_refuse_it_and_say_why(self, path: Path) -> None:
        wrong = wrong_manifest(path)
        problems = wrong.loaded.problems
        assert problems
        assert problems[0].problem.field == wrong.field
        assert wrong.says in problems[0].problem.message
        assert problems[0].line > 3

    @pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
    def test_schema_or_rules_refuse_it_and_say_why(self, path: Path) -> None:
        wrong = wrong_manifest(path)
        refusals = admit(wrong.data)
        assert refusals
        assert {refusal.by for refusal in refusals} == {wrong.by}
        if wrong.by == "rule":
            said = wrong.says.replace('"', "")  # the reference CEL quotes no texts in lists; the API server does
            assert any(said in refusal.message.replace('"', "") for refusal in refusals), refusals
