"""Schema with CEL, and the Python types: two readers of one contract that never disagree."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from manifest_files import WRONG, right_documents, wrong_manifest
from mutations import mutated
from offline_apiserver import admit

from antiphon_crds.documents import Document
from antiphon_crds.manifests import load

_ORIGINALS = [document.data for document in right_documents()]
_WRONG = [wrong_manifest(path).data for path in WRONG]


def _python_problems(manifest: Any) -> list[str]:
    return [str(problem) for problem in load(Document("generated", manifest, {(): 1})).problems]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=False, print_blob=True)
@given(mutated([*_ORIGINALS, *_WRONG]))
def test_the_two_verdicts_never_disagree(manifest: Any) -> None:
    refusals = admit(manifest)
    problems = _python_problems(manifest)
    assert bool(refusals) == bool(problems), (
        f"{json.dumps(manifest)}\nschema and CEL: {refusals}\nPython types: {problems}"
    )


def test_generated_objects_fall_on_both_sides() -> None:
    """A property test over objects that are all valid, or all wrong, would show nothing."""
    verdicts: list[bool] = []

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(mutated(_ORIGINALS))
    def judge(manifest: Any) -> None:
        verdicts.append(bool(admit(manifest)))

    judge()
    assert 0.1 < sum(verdicts) / len(verdicts) < 0.95
