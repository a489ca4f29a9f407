"""What a query of a list or a watch may say."""

from __future__ import annotations

import pytest
from small_kinds import api_with_things, config_map

from antiphon_sandbox.api.read_options import check_get, check_list, check_watch
from antiphon_sandbox.api.store import Store
from antiphon_sandbox.kube import ApiError


@pytest.fixture
def store() -> Store:
    api = api_with_things()
    api.create("configmaps", config_map())
    return api.store


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"resourceVersion": "0"},
        {"resourceVersion": "1"},
        {"resourceVersion": "1", "resourceVersionMatch": "NotOlderThan"},
        {"limit": "-1"},
        {"watch": "false"},
    ],
)
def test_lists(store: Store, query: dict[str, str]) -> None:
    check_list(query, "configmaps", store)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"resourceVersion": "x"}, 400),
        ({"limit": "x"}, 400),
        ({"continue": "t", "resourceVersion": "1"}, 400),
        ({"resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersion": "0", "resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersion": "1", "resourceVersionMatch": "Bogus"}, 422),
        ({"sendInitialEvents": "true"}, 422),
        ({"resourceVersion": "1", "resourceVersionMatch": "Exact"}, 410),
        ({"resourceVersion": "999"}, 504),
    ],
)
def test_refused_lists(store: Store, query: dict[str, str], code: int) -> None:
    with pytest.raises(ApiError) as refused:
        check_list(query, "configmaps", store)
    assert refused.value.code == code


def test_an_exact_list_is_served_while_nothing_has_changed(store: Store) -> None:
    query = {"resourceVersion": str(store.revision), "resourceVersionMatch": "Exact"}
    check_list(query, "configmaps", store)
    check_list(query, "pods", store)


def test_a_future_state_is_asked_for_again_soon(store: Store) -> None:
    with pytest.raises(ApiError) as refused:
        check_get({"resourceVersion": "999"}, store)
    assert (refused.value.code, refused.value.details["retryAfterSeconds"]) == (504, 1)


def test_watches() -> None:
    assert check_watch({}) == 0
    assert check_watch({"resourceVersion": "7"}) == 7
    assert check_watch({"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}) == 0


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"resourceVersion": "x"}, 500),
        ({"timeoutSeconds": "x"}, 400),
        ({"sendInitialEvents": "true"}, 422),
        ({"resourceVersionMatch": "NotOlderThan"}, 422),
    ],
)
def test_refused_watches(query: dict[str, str], code: int) -> None:
    with pytest.raises(ApiError) as refused:
        check_watch(query)
    assert refused.value.code == code
