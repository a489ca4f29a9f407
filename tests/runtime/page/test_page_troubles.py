"""What the page says when something goes wrong, and how it goes on."""

from __future__ import annotations

import re
from typing import Any

from page_server import PageServer

FULL = {
    "type": "server_error",
    "code": "server_full",
    "message": "all 12 sessions are taken",
    "retry_after_ms": 4000,
}


def _say(visit: Any, text: str) -> None:
    visit.page.get_by_label("Message to the agent").fill(text)
    visit.page.get_by_role("button", name="Send").click()


def test_without_a_microphone_one_can_type(mute_visit: Any, server: PageServer) -> None:
    mute_visit.open(f"{server.url}/")
    mute_visit.connect()
    mute_visit.expect_text("#problem", "The microphone is not allowed")
    mute_visit.expect_state("listening")
    _say(mute_visit, "Good morning.")
    mute_visit.expect_state("speaking")
    mute_visit.expect_text("#transcript", re.compile("Good morning.*No model has made it", re.DOTALL))
    assert not mute_visit.page.get_by_role("button", name="Mute").is_visible()


def test_a_full_server_says_when_to_try_again(visit: Any, server: PageServer) -> None:
    server.faults.refusal = FULL
    visit.open(f"{server.url}/")
    visit.connect()
    visit.expect_text("#problem", "All 12 sessions are taken. Try again in 4 s.")
    visit.expect_state("idle")
    server.faults.refusal = None
    visit.connect()
    visit.expect_state("listening")
    assert visit.page.locator("#problem").is_hidden()


def test_keys_are_asked_for_checked_and_sent(mute_visit: Any, server: PageServer) -> None:
    server.faults.key = "sesame"
    mute_visit.open(f"{server.url}/")
    mute_visit.connect()
    mute_visit.expect_text("#problem", "The server asks for a key")
    mute_visit.open(f"{server.url}/", key="barley")
    mute_visit.connect()
    mute_visit.expect_text("#problem", "does not accept this key")
    mute_visit.open(f"{server.url}/", key="open sesame")
    mute_visit.connect()
    mute_visit.expect_text("#problem", "characters that a browser can't send")
    mute_visit.open(f"{server.url}/", key="sesame")
    mute_visit.connect()
    mute_visit.expect_state("listening")
    kept = mute_visit.page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    assert "sesame" not in kept


def test_an_unreachable_socket_is_told(mute_visit: Any, server: PageServer) -> None:
    server.faults.is_unreachable = True
    mute_visit.open(f"{server.url}/")
    mute_visit.connect()
    mute_visit.expect_text("#problem", "refused the connection")
    mute_visit.expect_state("idle")


def test_a_lost_connection_comes_back_and_the_agent_is_told_what_was_said(mute_visit: Any, server: PageServer) -> None:
    mute_visit.open(f"{server.url}/", output="text")
    mute_visit.connect()
    mute_visit.expect_state("listening")
    _say(mute_visit, "My name is Anna.")
    mute_visit.expect_text("#transcript", "No model has made it")
    mute_visit.expect_state("listening")
    server.drop_connections()
    mute_visit.expect_text("#transcript", "is back")
    mute_visit.expect_state("listening")
    _say(mute_visit, "What is my name?")
    mute_visit.expect_text("#transcript", "What is my name")
    mute_visit.wait_for("response.done")
    assert len(server.sessions) == 2
    known = [
        message["content"]
        for message in server.sessions[1].protocol.next_plan().messages(server.sessions[1].protocol.conversation, "")
    ]
    assert "My name is Anna." in known
    assert "This answer is emulated. No model has made it." in known
    rows = mute_visit.page.locator("#transcript li[data-role]").all_inner_texts()
    assert sum("My name is Anna." in row for row in rows) == 1


def test_a_session_that_was_kept_goes_on_in_the_midst_of_an_answer(mute_visit: Any, server: PageServer) -> None:
    server.faults.keeps_sessions = True
    mute_visit.open(f"{server.url}/")
    mute_visit.connect()
    mute_visit.expect_state("listening")
    _say(mute_visit, "Tell me something.")
    mute_visit.expect_state("speaking")
    server.drop_connections()
    mute_visit.expect_text("#transcript", "is back")
    mute_visit.expect_text("#transcript", "No model has made it.")
    mute_visit.expect_state("listening")
    assert len(server.sessions) == 1
    assert not mute_visit.page.locator("#transcript s").count()
    assert mute_visit.page.locator("#transcript li[data-role]").count() == 2


def test_a_connection_that_is_ended_says_why(mute_visit: Any, server: PageServer) -> None:
    mute_visit.open(f"{server.url}/")
    mute_visit.connect()
    mute_visit.expect_state("listening")
    server.drop_connections(1000, "nobody spoke for 5 minutes")
    mute_visit.expect_text("#problem", "Nobody spoke for 5 minutes.")
    mute_visit.expect_state("idle")


def test_settings_that_are_refused_are_told_and_change_nothing_else(mute_visit: Any, server: PageServer) -> None:
    mute_visit.open(f"{server.url}/", voice="nobody")
    mute_visit.connect()
    mute_visit.expect_text("#problem", "'nobody'; the voices of this agent are")
    mute_visit.expect_state("listening")


def test_emulated_stages_are_labelled(mute_visit: Any, server: PageServer) -> None:
    mute_visit.open(f"{server.url}/")
    mute_visit.connect()
    mute_visit.expect_text("#stages", re.compile("asr.*tiny.en-int8.*182.*240", re.DOTALL))
    assert mute_visit.page.locator("#stages .badge").all_inner_texts() == ["emulated", "emulated"]
    mute_visit.expect_text("#emulated-note", "Emulated: llm, tts")
    mute_visit.expect_text("#load", "1 conversation of 12")


def test_without_figures_it_works_all_the_same(mute_visit: Any, server: PageServer) -> None:
    server.faults.has_figures = False
    mute_visit.open(f"{server.url}/")
    mute_visit.connect()
    mute_visit.expect_text("#load", "gives no figures")
    mute_visit.expect_state("listening")


def test_it_works_below_a_path(mute_visit: Any, server: PageServer) -> None:
    mute_visit.open(f"{server.url}/under/a/path/")
    mute_visit.connect()
    mute_visit.expect_state("listening")
    mute_visit.expect_text("#load", "conversation of 12")
