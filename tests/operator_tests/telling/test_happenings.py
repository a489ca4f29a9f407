from typing import Any

import pytest

from antiphon_operator.objects import Obj
from antiphon_operator.telling.happenings import count_of, events_of, object_of, text_of, time_of


def event(kind: str, name: str, uid: str = "", last: str = "2026-05-01T12:00:00Z", **more: Any) -> Obj:
    metadata = {"name": "e", "uid": uid or f"{kind}/{name}"}
    return {"metadata": metadata, "involvedObject": {"kind": kind, "name": name}, "lastTimestamp": last, **more}


@pytest.mark.parametrize(
    ("kind", "name", "is_ours"),
    [
        ("VoiceAgent", "hello", True),
        ("VoiceAgent", "hello-main", False),
        ("Deployment", "hello-main", True),
        ("Deployment", "hello-main-2", False),
        ("ReplicaSet", "hello-main-5c6f9b6c54", True),
        ("Pod", "hello-main-5c6f9b6c54-s6kv4", True),
        ("Pod", "hello-main-x-5c6f9b6c54-s6kv4", False),
        ("Pod", "hello-other-5c6f9b6c54-s6kv4", False),
        ("Node", "hello-main", False),
    ],
)
def test_those_of_an_agent_and_of_what_it_became(kind: str, name: str, is_ours: bool) -> None:
    assert bool(events_of("hello", ["main"], [event(kind, name)])) is is_ours


def test_both_apis_together_in_the_order_of_time() -> None:
    old = event("VoiceAgent", "hello", uid="1", last="2026-05-01T11:00:00Z")
    new = {
        "metadata": {"name": "n", "uid": "2", "creationTimestamp": "2026-05-01T10:00:00Z"},
        "regarding": {"kind": "VoiceAgent", "name": "hello"},
        "series": {"count": 3, "lastObservedTime": "2026-05-01T12:00:00.5Z"},
        "note": "a note",
    }
    assert events_of("hello", ["main"], [new, old, dict(old)]) == [old, new]
    assert (count_of(new), text_of(new), object_of(new)) == (3, "a note", "VoiceAgent/hello")
    assert (count_of(old), text_of({**old, "message": " m\n"})) == (1, "m")


def test_the_time_of_an_event_that_says_little() -> None:
    assert time_of({"metadata": {"creationTimestamp": "2026-05-01T10:00:00Z"}}) == "2026-05-01T10:00:00Z"
    assert time_of({"metadata": {}}) == ""
