"""A browser with a microphone that hears a file, and servers for its page."""

from __future__ import annotations

import contextlib
import json
import shutil
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_server import PageServer, page_server, spoken_turns
from voice_process import voice_process

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

SPEECH_SECONDS, SILENCE_SECONDS = 1.2, 2.4
QUIET_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=OptimizationHints,MediaRouter",
)


class Visit:
    """One page in the browser, with all that went over its sockets and all that it complained of."""

    def __init__(self, context: Any) -> None:
        self.page = context.new_page()
        self.sent: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self.page.on("websocket", self._watch)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else 0)

    def _watch(self, socket: Any) -> None:
        socket.on("framesent", lambda frame: self.sent.append(json.loads(frame)))
        socket.on("framereceived", lambda frame: self.received.append(json.loads(frame)))

    def open(self, url: str, **settings: str) -> None:
        """Settings are those of the form, by name."""
        self.page.goto(url)
        if settings:
            self.page.locator("#settings-panel > summary").click()
        for name, value in settings.items():
            field = self.page.locator(f"#settings [name={name}]")
            field.select_option(value) if name in ("turns", "output") else field.fill(value)
            field.dispatch_event("change")

    def connect(self) -> None:
        self.page.get_by_role("button", name="Connect").click()

    def expect_state(self, state: str, seconds: float = 10) -> None:
        sync_api.expect(self.page.locator("body")).to_have_attribute("data-state", state, timeout=seconds * 1000)

    def expect_text(self, selector: str, text: Any, seconds: float = 10) -> None:
        sync_api.expect(self.page.locator(selector)).to_contain_text(text, timeout=seconds * 1000)

    def sent_of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.sent if event["type"] == kind]

    def received_of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.received if event["type"] == kind]

    def wait_for(self, kind: str, seconds: float = 10) -> dict[str, Any]:
        """The first event of this kind that went either way."""
        for _ in range(int(seconds * 50)):
            if found := self.sent_of(kind) or self.received_of(kind):
                return found[0]
            self.page.wait_for_timeout(20)
        raise AssertionError(f"no {kind} within {seconds} s")


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed")
    return found


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    """For one module only: while it runs, no test can run an event loop of its own."""
    with sync_api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def speaking_browser(playwright: Any, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Its user speaks and pauses in turn, from the moment the microphone is opened."""
    heard = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    _write(heard, spoken_turns(SPEECH_SECONDS + SILENCE_SECONDS, SPEECH_SECONDS, SILENCE_SECONDS))
    flags = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={heard}",
    )
    browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=[*QUIET_FLAGS, *flags])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def mute_browser(playwright: Any, chromium: str) -> Iterator[Any]:
    """Its user does not allow the microphone."""
    flags = (*QUIET_FLAGS, "--use-fake-device-for-media-stream", "--deny-permission-prompts")
    browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=[*flags])
    yield browser
    browser.close()


@pytest.fixture
def visit(speaking_browser: Any) -> Iterator[Visit]:
    context = speaking_browser.new_context(viewport={"width": 1280, "height": 860})
    yield Visit(context)
    context.close()


@pytest.fixture
def mute_visit(mute_browser: Any) -> Iterator[Visit]:
    context = mute_browser.new_context()
    yield Visit(context)
    context.close()


@pytest.fixture
def server() -> Iterator[PageServer]:
    """The small server, with faults on demand."""
    with page_server() as serving:
        yield serving


@pytest.fixture(scope="module")
def start_pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts the real runtime, with more in its configuration, and gives its address."""
    with contextlib.ExitStack() as pods:
        yield lambda **more: pods.enter_context(voice_process(tmp_path_factory.mktemp("pod"), **more))


@pytest.fixture(scope="module")
def pod_url(start_pod: Callable[..., str]) -> str:
    return start_pod()


def _write(path: Path, samples: bytes, rate: int = 48_000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
