"""The picture of a run: what is in it, as SVG that any viewer can show."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_operator.plotting import look
from antiphon_operator.plotting.drawing import svg_of
from antiphon_operator.plotting.json_lines import LineError, read_samples, sample_line
from antiphon_operator.plotting.series import Mark, Picture
from antiphon_operator.plotting.thinning import thinned
from antiphon_operator.plotting.timeline import Sample, agent_picture

SVG = "{http://www.w3.org/2000/svg}"
NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")


def a_run(count: int = 200) -> list[Sample]:
    """Load doubles in the middle; a faster variant takes over, then a second replica."""
    return [
        Sample(
            at=1000.0 + 5 * index,
            sessions=20 if index < 100 else 40,
            p95_ms=None if index == 3 else 300 + index,
            target_ms=450,
            wanted={"main": 1 if index < 100 else 2},
            ready={"main": 1 if index < 120 else 2},
            variants={"asr": "large" if index < 110 else "small & quick", "llm": "fp16"},
            caps={"asr": 4, "llm": 8},
        )
        for index in range(count)
    ]


def drawn(picture: Picture) -> ElementTree.Element:
    return ElementTree.fromstring(svg_of(picture))


def words(tree: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in tree.iter(f"{SVG}text")]


def with_class(tree: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [each for each in tree.iter() if name in each.get("class", "").split()]


def test_all_panels_with_their_legends() -> None:
    tree = drawn(agent_picture("shop & co", a_run(), subtitle="seed 1"))
    told = words(tree)
    for title in ("shop & co", "seed 1", "Sessions", "p95 of a turn (ms)", "Replicas", "Variants", "Largest batch"):
        assert title in told
    for entry in ("live", "seen", "target 450", "serving", "wanted", "asr", "llm", "large", "small & quick", "fp16"):
        assert entry in told
    assert len(with_class(tree, "chart")) == 5
    assert tree.find(f"{SVG}title").text == "shop & co"  # type: ignore[union-attr]


def test_the_target_is_a_level_that_crosses_the_panel() -> None:
    tree = drawn(agent_picture("t", a_run()))
    level, swatch = sorted(
        with_class(tree, "level"), key=lambda each: float(each.get("x1", 0)) - float(each.get("x2", 0))
    )
    assert (float(level.get("x1", 0)), float(level.get("x2", 0))) == (look.LEFT, look.WIDTH - look.RIGHT)
    assert level.get("y1") == level.get("y2")
    assert float(swatch.get("x2", 0)) - float(swatch.get("x1", 0)) == 18


def test_each_variant_has_a_band_from_where_it_began() -> None:
    tree = drawn(agent_picture("t", a_run()))
    bands = {
        each.find(f"{SVG}title").text: each.find(f"{SVG}rect")  # type: ignore[union-attr]
        for each in with_class(tree, "span")
    }
    assert list(bands) == ["large", "small & quick", "fp16"]
    large, small = bands["large"], bands["small & quick"]
    assert large is not None
    assert small is not None
    begin = float(small.get("x", 0))
    assert float(large.get("x", 0)) + float(large.get("width", 0)) == pytest.approx(begin, abs=0.2)
    assert begin == pytest.approx(look.LEFT + look.PLOT_WIDTH * 110 / 199, abs=0.2)
    assert large.get("class") != small.get("class")


def test_what_is_unknown_interrupts_the_line() -> None:
    tree = drawn(agent_picture("t", a_run()))
    seen = [each for each in with_class(tree, "line") if (each.findtext(f"{SVG}title") or "") == "seen"]
    assert len(seen) == 2


def test_a_step_keeps_its_height_until_the_next() -> None:
    tree = drawn(agent_picture("t", a_run()))
    (serving,) = (each for each in with_class(tree, "line") if each.findtext(f"{SVG}title") == "serving")
    corners = [tuple(map(float, pair.split())) for pair in serving.get("d", "M").lstrip("M").split("L")]
    assert all(one[0] == other[0] or one[1] == other[1] for one, other in pairwise(corners))


def test_one_outlier_does_not_hide_all_else() -> None:
    samples = a_run()
    samples[50] = replace(samples[50], p95_ms=61_000.0)
    told = words(drawn(agent_picture("t", samples)))
    assert "seen (up to 61k)" in told
    assert "61k" not in told


def test_panels_of_which_nothing_is_known_are_left_out() -> None:
    tree = drawn(agent_picture("t", [Sample(0, sessions=1), Sample(10, sessions=2)]))
    assert len(with_class(tree, "chart")) == 1


def test_several_groups_and_modes_are_told_apart() -> None:
    samples = [Sample(at, wanted={"ears": 1, "mind": 2}, ready={"ears": 1}, mode="plain") for at in (0.0, 10.0)]
    told = words(drawn(agent_picture("t", samples)))
    assert {"wanted ears", "wanted mind", "serving", "features", "plain"} <= set(told)


def test_moments_are_marked_across_all_panels() -> None:
    marks = [Mark(1500, "Prometheus stopped"), Mark(1501, "and at once something else")]
    tree = drawn(agent_picture("t", a_run(), marks=marks))
    assert len(with_class(tree, "moment")) == 2
    assert "Prometheus stopped" in words(tree)
    assert "and at once something else" not in words(tree), "words do not lie upon one another"


def test_a_changing_target_is_a_line() -> None:
    samples = [Sample(0, p95_ms=1, target_ms=450), Sample(10, p95_ms=1, target_ms=300)]
    tree = drawn(agent_picture("t", samples))
    assert not with_class(tree, "level")
    assert "target" in words(tree)


def test_it_is_readable_in_light_and_dark() -> None:
    sheet = drawn(agent_picture("t", a_run())).findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme:dark" in sheet
    for colour in (*look.LIGHT, *look.DARK):
        assert colour in sheet


def test_the_same_run_makes_the_same_text() -> None:
    assert svg_of(agent_picture("t", a_run())) == svg_of(agent_picture("t", a_run()))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=1, max_size=40))
def test_everything_lies_within_the_picture(values: list[float | None]) -> None:
    samples = [Sample(float(at), sessions=value, p95_ms=value, target_ms=450) for at, value in enumerate(values)]
    tree = drawn(agent_picture("t", samples))
    height = float(tree.get("height", 0))
    for path in tree.iter(f"{SVG}path"):
        numbers = [float(found) for found in NUMBERS.findall(path.get("d", ""))]
        assert all(look.LEFT <= x <= look.WIDTH for x in numbers[::2])
        assert all(0 <= y <= height for y in numbers[1::2])


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=200))
def test_thinning_keeps_the_extremes_and_the_gaps(values: list[float | None]) -> None:
    points = [(float(at), value) for at, value in enumerate(values)]
    kept = list(thinned(points, 10))
    assert set(kept) <= set(points)
    assert [at for at, _ in kept] == sorted(at for at, _ in kept)
    for extreme in (min, max):
        known = [value for value in values if value is not None]
        assert not known or extreme(value for _, value in kept if value is not None) == extreme(known)
    assert [at for at, value in kept if value is None] == [at for at, value in points if value is None]


def test_a_day_of_samples_makes_a_small_file() -> None:
    samples = [replace(a_run(1)[0], at=5.0 * index, p95_ms=300 + index % 97) for index in range(17_280)]
    assert len(svg_of(agent_picture("t", samples))) < 60_000


def test_samples_travel_as_lines_of_json() -> None:
    samples = a_run(20)
    lines = [sample_line(sample) for sample in reversed(samples)]
    read, marks = read_samples([*lines, "", '{"at": 1010, "mark": "stopped", "more": 1}'])
    assert (read, marks) == (samples, [Mark(1010, "stopped")])


@pytest.mark.parametrize("line", ["{", "[1]", '{"sessions": 3}', '{"at": "noon"}'])
def test_a_line_that_is_no_sample_is_named(line: str) -> None:
    with pytest.raises(LineError, match="line 2"):
        read_samples(['{"at": 1}', line])
