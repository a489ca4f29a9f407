"""Templates, hashes and revision numbers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_node import template

from antiphon_sandbox.controllers import revisions
from antiphon_sandbox.controllers.rollout import Limits
from antiphon_sandbox.objects import Obj, name_of

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
templates = st.fixed_dictionaries({"metadata": st.just({"labels": {"app": "a"}}), "spec": json_values})


def replica_set(name: str, made: int, revision: int | None = None, replicas: int = 0, **more: Any) -> Obj:
    annotations = {} if revision is None else {revisions.REVISION: str(revision)}
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": f"2025-01-01T00:00:{made:02}Z",
            "annotations": annotations,
            "generation": 1,
        },
        "spec": {"replicas": replicas, "template": template("a", more.get("image", name))},
        "status": {"observedGeneration": 1, "replicas": replicas},
    }


@given(templates, st.integers(0, 5))
def test_the_hash_is_a_function_of_the_template(made: Obj, collisions: int) -> None:
    hashed = revisions.template_hash(made, collisions)
    labelled = {**made, "metadata": {"labels": {**made["metadata"]["labels"], revisions.TEMPLATE_HASH: hashed}}}
    assert revisions.is_same_template(made, labelled)
    assert revisions.template_hash(labelled, collisions) == hashed
    assert set(hashed) <= set(revisions.SAFE_LETTERS)
    assert hashed != revisions.template_hash(made, collisions + 1)


@given(templates, templates)
def test_equal_templates_have_equal_hashes(one: Obj, other: Obj) -> None:
    equal_hashes = revisions.template_hash(one) == revisions.template_hash(other)
    assert equal_hashes or not revisions.is_same_template(one, other)


def test_empty_is_the_same_as_none() -> None:
    assert revisions.is_same_template(template("a"), template("a", volumes=[], affinity=None))
    assert not revisions.is_same_template(template("a"), template("a", hostNetwork=False))


def test_the_oldest_of_two_with_the_template_is_the_one() -> None:
    sets = [replica_set("late", 3, image="x"), replica_set("early", 1, image="x"), replica_set("other", 2)]
    new, old = revisions.split(template("a", "x"), sets)
    assert new is not None
    assert (name_of(new), [name_of(each) for each in old]) == ("early", ["other", "late"])


def test_a_rollback_raises_the_revision_and_remembers_the_old_one() -> None:
    back = replica_set("back", 1, revision=1)
    annotations = revisions.annotations_for({"metadata": {}}, back, 4)
    assert annotations == {revisions.REVISION: "4", revisions.REVISION_HISTORY: "1"}
    again = revisions.annotations_for({"metadata": {}}, {"metadata": {"annotations": annotations}}, 4)
    assert again == annotations


def test_annotations_are_inherited_but_for_the_books() -> None:
    kept, left = {"kubernetes.io/change-cause": "why"}, dict.fromkeys(revisions.NOT_INHERITED, "9")
    deployment = {"metadata": {"annotations": {**kept, **left}}}
    assert revisions.annotations_for(deployment, None, 1) == {**kept, revisions.REVISION: "1"}


def test_a_long_history_loses_its_beginning() -> None:
    history = ",".join(str(number) for number in range(1000))[: revisions.REVISION_HISTORY_LENGTH]
    before = {"metadata": {"annotations": {revisions.REVISION: "77777", revisions.REVISION_HISTORY: history}}}
    found = revisions.annotations_for({"metadata": {}}, before, 99999)[revisions.REVISION_HISTORY]
    assert found.endswith(",77777")
    assert len(found) <= revisions.REVISION_HISTORY_LENGTH


@pytest.mark.parametrize(("limit", "gone"), [(None, []), (3, []), (2, ["a"]), (1, ["a"]), (0, ["a", "c"])])
def test_idle_revisions_beyond_the_limit_go_lowest_first(limit: int | None, gone: list[str]) -> None:
    sets = [
        replica_set("c", 1, revision=3),
        replica_set("b", 2, revision=2, replicas=1),
        replica_set("a", 3, revision=1),
    ]
    assert [name_of(each) for each in revisions.disposable(sets, limit)] == gone


def test_a_change_of_scale_is_told_from_a_rollout() -> None:
    sized = replica_set("a", 1, replicas=3)
    assert not revisions.is_rescaled(Limits(5, 1, 1), [sized])
    sized["metadata"]["annotations"] = revisions.size_annotations(Limits(3, 1, 1))
    assert revisions.is_rescaled(Limits(5, 1, 1), [sized])
    assert not revisions.is_rescaled(Limits(3, 9, 1), [sized])
