"""Conversations over the page, as a user has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from page_server import page_server


@pytest.fixture(params=["small", "pod"])
def voice_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A voice server with emulated engines, and the page at its root."""
    if request.param == "pod":
        yield request.getfixturevalue("pod_url")
        return
    with page_server() as server:
        yield f"{server.url}/"


def test_a_spoken_question_is_answered_aloud(visit: Any, voice_url: str) -> None:
    visit.open(voice_url)
    assert visit.page.locator("body").get_attribute("data-state") == "idle"
    visit.connect()
    visit.expect_state("listening")
    visit.expect_state("speaking")
    visit.expect_text(
        "#transcript", re.compile("You.*This transcript is emulated.*Agent.*This answer is emulated", re.DOTALL)
    )
    visit.expect_text("#last-turn", re.compile(r"\d+ ms"))
    assert 100 < _milliseconds(visit, "#last-turn") < 3000
    assert visit.sent[0]["type"] == "session.update"
    assert visit.page.locator("#turns tbody tr").count() == 2  # the turn, and the median
    assert not visit.complaints


def test_who_speaks_while_the_agent_speaks_stops_it(visit: Any, voice_url: str) -> None:
    visit.open(voice_url)
    visit.connect()
    cut = visit.wait_for("conversation.item.truncate", 15)
    visit.expect_text("#transcript li[data-status=interrupted]", "interrupted")
    said = [event for event in visit.received_of("response.output_audio.delta") if event["item_id"] == cut["item_id"]]
    sent_ms = sum(len(event["delta"]) * 3 / 4 for event in said) / 48
    assert 300 < cut["audio_end_ms"] < sent_ms
    assert visit.wait_for("conversation.item.truncated")["audio_end_ms"] == cut["audio_end_ms"]
    assert visit.page.locator("#transcript s.unheard").first.inner_text().strip()
    visit.expect_state("listening")
    assert not visit.received_of("error")
    assert not visit.complaints


def test_a_typed_question_is_answered_in_writing(visit: Any, voice_url: str) -> None:
    visit.open(voice_url, turns="none", output="text")
    visit.connect()
    visit.expect_state("listening")
    visit.page.get_by_label("Message to the agent").fill("What is an antiphon?")
    visit.page.keyboard.press("Enter")
    visit.expect_text("#transcript", re.compile("What is an antiphon.*No model has made it", re.DOTALL))
    visit.expect_text("#turns", "typed")
    visit.wait_for("response.done")
    assert not visit.received_of("response.output_audio.delta")
    assert not visit.sent_of("input_audio_buffer.append")
    assert not visit.complaints


def test_the_button_is_held_by_key_to_talk(visit: Any, voice_url: str) -> None:
    visit.open(voice_url, turns="none")
    visit.connect()
    visit.expect_state("listening")
    visit.page.get_by_role("button", name="Hold to talk").focus()
    visit.page.keyboard.down(" ")
    visit.page.wait_for_timeout(600)
    visit.page.keyboard.up(" ")
    visit.expect_state("speaking")
    visit.expect_text("#turns", "button")
    assert 300 <= 20 * len(visit.sent_of("input_audio_buffer.append")) <= 2000  # what was said while it was held
    assert visit.sent_of("input_audio_buffer.commit")
    visit.page.keyboard.press(" ")
    visit.expect_text("#problem", "too short")
    assert len(visit.sent_of("input_audio_buffer.commit")) == 1
    assert visit.wait_for("conversation.item.truncate")
    assert not visit.complaints


def test_a_muted_microphone_sends_silence(visit: Any, voice_url: str) -> None:
    visit.open(voice_url)
    visit.connect()
    visit.expect_state("listening")
    visit.page.get_by_role("button", name="Mute").click()
    visit.page.wait_for_timeout(200)
    visit.sent.clear()
    visit.page.wait_for_timeout(500)
    frames = visit.sent_of("input_audio_buffer.append")
    assert frames
    assert {frame["audio"].strip("A=") for frame in frames} == {""}


def test_hanging_up_ends_it(visit: Any, voice_url: str) -> None:
    visit.open(voice_url)
    visit.connect()
    visit.expect_state("listening")
    visit.page.get_by_role("button", name="Hang up").click()
    visit.expect_state("idle")
    visit.page.wait_for_timeout(100)
    visit.sent.clear()
    visit.page.wait_for_timeout(300)
    assert not visit.sent
    visit.connect()
    visit.expect_state("speaking")
    assert not visit.complaints


def test_the_log_is_bounded_and_quiet_about_audio(visit: Any, voice_url: str) -> None:
    visit.open(voice_url)
    visit.connect()
    visit.page.locator("#log-panel > summary").click()
    visit.expect_text("#log", "response.done")
    visit.page.wait_for_timeout(100)
    entries = visit.page.locator("#log li").all_inner_texts()
    assert len(entries) <= 300
    assert max(map(len, entries)) < 600
    assert any(re.search(r"input_audio_buffer.append \S\d+", entry) for entry in entries)


def test_a_pod_that_is_full_says_so_and_when_to_come_again(visit: Any, start_pod: Any) -> None:
    url = start_pod(sessions={"maxSessions": 1})
    visit.open(url)
    visit.connect()
    visit.expect_state("listening")
    second = type(visit)(visit.page.context)
    second.open(url)
    second.connect()
    second.expect_text("#problem", re.compile(r"All 1 sessions.*try again in \d+ s"))
    second.expect_state("idle")
    visit.page.get_by_role("button", name="Hang up").click()
    visit.expect_state("idle")
    second.page.wait_for_timeout(300)
    second.connect()
    second.expect_state("listening")


def _milliseconds(visit: Any, selector: str) -> int:
    return int(visit.page.locator(selector).inner_text().split()[0])
