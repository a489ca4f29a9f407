"""With a file, all comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_kinds import THINGS, api_with_things, config_map, thing

from antiphon_sandbox.api.journal import SqliteJournal
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "objects.sqlite"


def everything(api: Api) -> dict[str, list[Obj]]:
    return {resource: list(api.store.items(resource)) for resource in sorted(api.store.resources())}


def reopened(journal: SqliteJournal, file: Path) -> tuple[Api, SqliteJournal]:
    journal.close()
    again = SqliteJournal(file)
    return Api(journal=again), again


def test_all_comes_back(file: Path) -> None:
    journal = SqliteJournal(file)
    api = api_with_things(journal=journal)
    api.create("configmaps", config_map(data={"a": "1", "b": "\u0000 €"}))
    api.create(THINGS, thing())
    api.patch(THINGS, "default", "it", {"spec": {"size": 2}})
    api.create(THINGS, thing("gone"))
    api.delete(THINGS, "default", "gone")
    before, revision = everything(api), api.store.revision
    again, journal = reopened(journal, file)
    assert everything(again) == before
    assert again.store.revision == revision
    journal.close()


def test_custom_kinds_are_served_at_once(file: Path) -> None:
    journal = SqliteJournal(file)
    api_with_things(journal=journal)
    again, journal = reopened(journal, file)
    assert again.create(THINGS, thing())["spec"] == {"size": 1, "mode": "fast"}
    journal.close()


def test_revisions_go_on_even_after_a_deletion(file: Path) -> None:
    journal = SqliteJournal(file)
    api = Api(journal=journal)
    api.create("configmaps", config_map())
    api.delete("configmaps", "default", "it")
    revision = api.store.revision
    again, journal = reopened(journal, file)
    assert int(again.create("configmaps", config_map())["metadata"]["resourceVersion"]) == revision + 1
    journal.close()


def test_the_past_before_the_start_is_410(file: Path) -> None:
    journal = SqliteJournal(file)
    revision = Api(journal=journal).store.revision
    again, journal = reopened(journal, file)
    with pytest.raises(ApiError) as refused:
        again.store.since("configmaps", revision - 1)
    assert refused.value.code == 410
    assert again.store.since("configmaps", revision) == []
    journal.close()


def test_dependents_are_found_again(file: Path) -> None:
    journal = SqliteJournal(file)
    api = Api(journal=journal)
    owner = api.create("configmaps", config_map("owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    api.create("configmaps", config_map("owned", ownerReferences=[reference]))
    again, journal = reopened(journal, file)
    assert [each["metadata"]["name"] for each in again.owned("configmaps", owner["metadata"]["uid"])] == ["owned"]
    journal.close()
