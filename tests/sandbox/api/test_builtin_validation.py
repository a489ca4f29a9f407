"""Built-in kinds are refused as Kubernetes refuses them: reasons, fields and words."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from builtin_samples import SAMPLES as FOLDER
from builtin_samples import key_of, resource_of, samples
from hypothesis import given
from hypothesis import strategies as st
from partial_values import parts
from wrong_builtins import wrong_builtins

from antiphon_sandbox.api.builtin_validation import validate
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.cron import ScheduleError, check_schedule
from antiphon_sandbox.api.defaults import set_defaults
from antiphon_sandbox.objects import Obj

SAMPLES = {key_of(sample): sample for sample in samples()}
WRONG = {case.name: case for case in wrong_builtins(FOLDER / "wrong")}


def defaulted(sample: Obj) -> Obj:
    obj = copy.deepcopy(sample)
    obj["metadata"].setdefault("uid", "0")
    set_defaults(resource_of(sample), obj)
    return obj


def changed(key: str, **changes: Any) -> list[Cause]:
    """What is said when fields of a sample's spec are changed; a name with __ is a path, None takes a field away."""
    old = defaulted(SAMPLES[key])
    new = copy.deepcopy(old)
    for path, value in changes.items():
        place: Any = new["spec"]
        *above, last = path.split("__")
        for step in above:
            place = place[int(step) if step.isdecimal() else step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    set_defaults(resource_of(old), new)
    return validate(resource_of(old), new, old)


@pytest.mark.parametrize("key", SAMPLES)
def test_what_an_api_server_takes_is_taken(key: str) -> None:
    obj = defaulted(SAMPLES[key])

    assert validate(resource_of(obj), obj, None) == []
    assert validate(resource_of(obj), copy.deepcopy(obj), obj) == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_in_these_words(name: str) -> None:
    case = WRONG[name]
    obj = defaulted(case.object)

    causes = validate(resource_of(obj), obj, None)

    said = [(cause.reason, cause.field, cause.message) for cause in causes]
    assert len(said) == len(case.causes), said
    for (reason, field, message), expected in zip(said, case.causes, strict=True):
        assert (reason, field) == (expected.reason, expected.field)
        assert message.startswith(expected.message)


@given(st.data())
def test_any_part_of_an_object_is_judged(data: st.DataObject) -> None:
    sample = SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))]
    fields = {name: value for name, value in sample.items() if name not in ("kind", "apiVersion", "metadata")}
    part = {**data.draw(parts(fields)), "metadata": dict(sample["metadata"], uid="0")}
    resource = resource_of(sample)
    set_defaults(resource, part)

    assert all(isinstance(cause, Cause) for cause in validate(resource, part, None))
    assert all(isinstance(cause, Cause) for cause in validate(resource, part, defaulted(sample)))


def fields_of(causes: list[Cause]) -> list[tuple[str, str]]:
    return [(cause.reason.removeprefix("FieldValue"), cause.field) for cause in causes]


@pytest.mark.parametrize(
    "change",
    [
        {"containers__0__image": "nginx:2"},
        {"activeDeadlineSeconds": 10},
        {"nodeName": "here"},
        {"tolerations__0__tolerationSeconds": 5},
    ],
)
def test_some_of_a_pod_may_change(change: dict[str, Any]) -> None:
    assert changed("Pod/plain", **change) == []


def test_a_pod_may_tolerate_more() -> None:
    more = [*defaulted(SAMPLES["Pod/plain"])["spec"]["tolerations"], {"key": "a", "operator": "Exists"}]

    assert changed("Pod/plain", tolerations=more) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"containers__0__command": ["other"]}, [("Forbidden", "spec")]),
        ({"restartPolicy": "Never"}, [("Forbidden", "spec")]),
        ({"containers__0__image": ""}, [("Required", "spec.containers[0].image")]),
        (
            {"containers": [{"name": "a", "image": "a"}, {"name": "b", "image": "b"}]},
            [("Forbidden", "spec.containers")],
        ),
        ({"containers__0__resources": {"limits": {"cpu": "1"}}}, [("Forbidden", "spec")]),
    ],
)
def test_the_rest_of_a_pod_may_not_change(change: dict[str, Any], says: list[tuple[str, str]]) -> None:
    assert fields_of(changed("Pod/plain", **change)) == says


def test_a_pod_tolerates_what_it_tolerated() -> None:
    assert fields_of(changed("Pod/burstable", tolerations=None)) == [("Forbidden", "spec.tolerations")]


def test_a_pod_stays_on_its_node() -> None:
    old = defaulted(SAMPLES["Pod/plain"])
    old["spec"]["nodeName"] = "here"
    new = copy.deepcopy(old)
    new["spec"]["nodeName"] = "there"

    assert fields_of(validate("pods", new, old)) == [("Forbidden", "spec")]


def test_a_pod_is_resized_by_its_subresource_only() -> None:
    old = defaulted(SAMPLES["Pod/guaranteed"])
    new = copy.deepcopy(old)
    new["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "2"}, "requests": {"cpu": "2"}}

    assert validate("pods", new, old, "resize") == []
    assert fields_of(validate("pods", new, old)) == [("Forbidden", "spec")]


def test_a_deadline_only_comes_nearer() -> None:
    assert fields_of(changed("Pod/burstable", activeDeadlineSeconds=6)) == [("Invalid", "spec.activeDeadlineSeconds")]
    assert fields_of(changed("Pod/burstable", activeDeadlineSeconds=None)) == [
        ("Invalid", "spec.activeDeadlineSeconds")
    ]
    assert changed("Pod/burstable", activeDeadlineSeconds=4) == []


@pytest.mark.parametrize("key", ["Deployment/plain", "ReplicaSet/plain", "DaemonSet/plain"])
def test_selectors_are_chosen_once(key: str) -> None:
    labels = {"a": "b", "c": "d"}

    causes = changed(key, selector__matchLabels=labels, template__metadata__labels=labels)

    assert causes == [
        Cause(
            "FieldValueInvalid",
            'Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable',
            "spec.selector",
        )
    ]


def test_a_stateful_set_keeps_most_of_its_spec() -> None:
    assert changed("StatefulSet/plain", replicas=3) == []
    assert fields_of(changed("StatefulSet/plain", serviceName="other")) == [("Forbidden", "spec")]


def test_a_job_keeps_its_template_and_may_be_suspended() -> None:
    assert changed("Job/plain", suspend=True, parallelism=3) == []
    assert fields_of(changed("Job/plain", template__spec__containers__0__image="b")) == [("Invalid", "spec.template")]
    assert fields_of(changed("Job/plain", completions=2)) == [("Invalid", "spec.completions")]


def test_the_pods_of_a_suspended_job_may_be_sent_elsewhere() -> None:
    assert changed("Job/by-hand", template__spec__nodeSelector={"a": "b"}) == []
    assert fields_of(changed("Job/by-hand", template__spec__dnsPolicy="Default")) == [("Invalid", "spec.template")]


def test_what_is_immutable_stays_as_it_is() -> None:
    old = defaulted(SAMPLES["Secret/typed"])
    new = {**copy.deepcopy(old), "data": {"username": "eA=="}, "type": "Opaque", "immutable": False}

    assert fields_of(validate("secrets", new, old)) == [
        ("Invalid", "type"),
        ("Forbidden", "immutable"),
        ("Forbidden", "data"),
    ]


def test_a_binding_keeps_its_role() -> None:
    old = defaulted(SAMPLES["RoleBinding/plain"])
    new = copy.deepcopy(old)
    new["roleRef"]["name"] = "other"

    causes = validate(resource_of(old), new, old)

    assert [cause.message.rpartition(": ")[2] for cause in causes] == ["cannot change roleRef"]


def test_a_service_keeps_its_address() -> None:
    old = defaulted(SAMPLES["Service/plain"])
    old["spec"]["clusterIP"] = "10.0.0.1"
    new = copy.deepcopy(old)
    new["spec"]["clusterIP"] = "10.0.0.2"

    assert fields_of(validate("services", new, old)) == [("Invalid", "spec.clusterIPs[0]")]


def test_a_claim_keeps_all_but_its_size() -> None:
    assert changed("PersistentVolumeClaim/plain", resources__requests={"storage": "2Gi"}) == []
    assert fields_of(changed("PersistentVolumeClaim/plain", accessModes=["ReadOnlyMany"])) == [("Forbidden", "spec")]


def test_the_value_of_a_priority_stays() -> None:
    old = defaulted(SAMPLES["PriorityClass/high"])

    causes = validate(resource_of(old), {**old, "value": 5}, old)

    assert causes == [Cause("FieldValueForbidden", "Forbidden: may not be changed in an update.", "value")]


def test_a_definition_keeps_its_scope() -> None:
    assert fields_of(changed("CustomResourceDefinition/sheep.example.com", scope="Cluster")) == [
        ("Invalid", "spec.scope")
    ]


def test_a_resource_of_no_built_in_kind_is_not_judged() -> None:
    assert validate("sheep.example.com", {"metadata": {}}, None) == []


@pytest.mark.parametrize(
    "schedule", ["* * * * *", "*/5 1-3 1,15 jan mon-fri", "@hourly", "@every 1h30m", "0 0 ? * sun"]
)
def test_schedules(schedule: str) -> None:
    check_schedule(schedule)


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ("* * * *", "expected exactly 5 fields, found 4"),
        ("60 * * * *", r"end of range \(60\) above maximum \(59\)"),
        ("* * 0 * *", r"beginning of range \(0\) below minimum \(1\)"),
        ("*/0 * * * *", "step of range should be a positive number"),
        ("5-1 * * * *", "beyond end of range"),
        ("x * * * *", "failed to parse int from x"),
        ("@often", "unrecognized descriptor"),
        ("TZ=UTC * * * * *", "use timeZone field instead"),
    ],
)
def test_what_is_no_schedule(schedule: str, says: str) -> None:
    with pytest.raises(ScheduleError, match=says):
        check_schedule(schedule)
