import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.nodes.images import Image, ImageTable, UnknownImageError, repository_of

PARTS = st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,4})?", fullmatch=True)


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("busybox", "busybox"),
        ("busybox:1.36", "busybox"),
        ("docker.io/library/python:3.11-slim", "python"),
        ("ghcr.io/acme/antiphon-runtime@sha256:0a1b", "acme/antiphon-runtime"),
        ("localhost:5000/voice:dev", "voice"),
        ("acme/voice", "acme/voice"),
    ],
)
def test_repository(reference: str, repository: str) -> None:
    assert repository_of(reference) == repository


@given(
    st.sampled_from(["", "ghcr.io/", "localhost/", "registry.local:5000/"]),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(["", ":1.2", ":latest", "@sha256:00ff", ":1@sha256:00ff"]),
)
def test_registry_and_tag_say_nothing(registry: str, path: list[str], tag: str) -> None:
    assert repository_of(registry + "/".join(path) + tag) == "/".join(path).removeprefix("library/")


def test_an_exact_name_goes_before_a_pattern() -> None:
    table = ImageTable({"acme/*": Image(command=["any"]), "voice": Image(command=["voice"])})
    assert table.find("ghcr.io/acme/voice:2").command == ["voice"]
    assert table.find("acme/other").command == ["any"]


def test_our_runtime_runs_in_this_python() -> None:
    assert ImageTable.with_defaults().find("ghcr.io/antiphon/antiphon-runtime:0.1").command[1:] == [
        "-m",
        "antiphon_runtime",
    ]


def test_our_operator_runs_in_this_python() -> None:
    operator = ImageTable.with_defaults().find("ghcr.io/antiphon-dev/antiphon-operator:0.1")
    assert (operator.command[1:], operator.args) == (["-m", "antiphon_operator"], ["operator"])


def test_an_unknown_image_says_what_to_do() -> None:
    with pytest.raises(UnknownImageError) as raised:
        ImageTable.with_defaults().find("acme/voice:2")
    assert '"acme/voice:2"' in str(raised.value)
    assert "antiphon-runtime" in str(raised.value)
    assert "images: {voice: {command:" in str(raised.value)
