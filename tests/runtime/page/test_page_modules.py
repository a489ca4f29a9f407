"""The page's modules on their own, in the browser that they are written for."""

from __future__ import annotations

from typing import Any

import pytest
from page_server import PageServer


@pytest.fixture
def run(mute_visit: Any, server: PageServer) -> Any:
    """Evaluates the body of an async function, to which `load(module)` is known."""
    mute_visit.page.goto(f"{server.url}/")
    return lambda body: mute_visit.page.evaluate(
        f"async () => {{ const load = (name) => import(`/page/${{name}}.js`); {body} }}"
    )


def test_audio_survives_its_encoding(run: Any) -> None:
    worst = run("""
        const { encode, decode } = await load("pcm");
        const samples = Float32Array.from({ length: 70001 }, (_, i) => Math.sin(i / 7) * 0.9);
        const back = decode(encode(samples));
        if (back.length !== samples.length) return Infinity;
        return Math.max(...back.subarray(0, 50000).map((sample, i) => Math.abs(sample - samples[i])));
    """)
    assert worst < 2 / 32768


def test_too_loud_is_clipped_not_wrapped(run: Any) -> None:
    assert run('return Array.from((await load("pcm")).toPcm16([2, -2, 0]))') == [32767, -32767, 0]


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 96_000])
def test_resampling_keeps_the_voice_and_its_length(run: Any, rate: int) -> None:
    found = run(f"""
        const {{ Resampler }} = await load("resampler");
        const resampler = new Resampler({rate}, 24000);
        const output = [];
        for (let at = 0; at < {rate}; at += 128) {{
          const block = Float32Array.from({{ length: 128 }}, (_, i) => Math.sin(2 * Math.PI * 1000 * (at + i) / {rate}));
          output.push(...resampler.feed(block));
        }}
        const middle = output.slice(1000, 22000);
        let [inPhase, quadrature, energy] = [0, 0, 0];
        middle.forEach((sample, i) => {{
          inPhase += sample * Math.cos(2 * Math.PI * 1000 * i / 24000);
          quadrature += sample * Math.sin(2 * Math.PI * 1000 * i / 24000);
          energy += sample * sample;
        }});
        const tone = 2 * (inPhase ** 2 + quadrature ** 2) / middle.length;
        return {{ length: output.length, amplitude: Math.sqrt(2 * energy / middle.length), rest: 1 - tone / energy }};
    """)
    given_seconds = -(-rate // 128) * 128 / rate
    assert found["length"] == pytest.approx(24_000 * given_seconds, abs=40)  # a few are still to come
    assert found["amplitude"] == pytest.approx(1, abs=0.01)
    assert found["rest"] < 1e-4


def test_resampling_removes_what_would_fold_back(run: Any) -> None:
    loudest = run("""
        const { Resampler } = await load("resampler");
        const tone = Float32Array.from({ length: 48000 }, (_, i) => Math.sin(2 * Math.PI * 15000 * i / 48000));
        return Math.max(...new Resampler(48000, 24000).feed(tone).subarray(1000, 20000));
    """)
    assert loudest < 0.01


def test_a_turn_is_cut_into_its_steps(run: Any) -> None:
    turn = run("""
        const { TurnClock } = await load("turn-clock");
        const clock = new TurnClock(1000, "spoken");
        clock.mark("decided", 1300);
        clock.mark("decided", 1900);
        clock.mark("words", 1280); // begun on a pause, before the decision
        clock.mark("audio", 1400);
        const early = clock.totalMs;
        clock.mark("heard", 1450);
        return { early, total: clock.totalMs, steps: clock.steps.map(({ name, ms }) => [name, ms]) };
    """)
    assert turn["early"] is None
    assert turn["total"] == 450
    assert turn["steps"] == [["end of turn", 300], ["answer begins", 0], ["voice", 100], ["playback", 50]]


def test_an_interrupted_answer_is_kept_as_far_as_it_was_heard(run: Any) -> None:
    found = run("""
        const { Conversation } = await load("conversation");
        const talk = new Conversation();
        const says = (delta) => talk.apply({ type: "response.output_audio_transcript.delta", item_id: "a", delta });
        const item = { id: "a", type: "message", role: "assistant", content: [] };
        talk.apply({ type: "conversation.item.added", item });
        says("One two three.");
        talk.received("a", 1000);
        says(" Four five six.");
        talk.received("a", 1000);
        talk.interrupted("a", 1500);
        const guessed = talk.get("a").text.slice(0, talk.get("a").heard);
        says(" Too late.");
        const content = [{ type: "output_audio", transcript: "One two three. Four" }];
        talk.apply({ type: "conversation.item.retrieved", item: { ...item, content } });
        const known = talk.get("a").text.slice(0, talk.get("a").heard);
        return { guessed, known, whole: talk.get("a").text, events: talk.asEvents() };
    """)
    assert found["guessed"] in ("One two three. Four", "One two three. Four five")
    assert found["known"] == "One two three. Four"
    assert found["whole"] == "One two three. Four five six."
    assert [event["item"]["content"][0]["text"] for event in found["events"]] == ["One two three. Four"]


def test_a_voice_that_runs_dry_is_told_and_one_that_ends_is_not(run: Any) -> None:
    told = run("""
        const { Player } = await load("player");
        const told = [];
        const player = await Player.open({
          onAudible: (item, at) => told.push(["audible", item]),
          onProgress: () => {},
          onUnderrun: (item, gapMs) => told.push(["gap", item, gapMs]),
          onFinished: (item, playedMs) => told.push(["finished", item, playedMs]),
        });
        const sound = (ms) => new Float32Array(ms * 24).fill(0.1);
        const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        player.play("a", sound(200));
        await wait(600);
        player.play("a", sound(200));
        await wait(500);
        player.end("a");
        await wait(200);
        player.play("b", sound(2000));
        await wait(500);
        told.push(["cut", ...(await player.stop())]);
        await wait(200);
        player.close();
        return told;
    """)
    assert [entry[0] for entry in told] == ["audible", "gap", "finished", "audible", "cut"]
    assert 200 < told[1][2] < 2000
    assert told[2][1:] == ["a", 400]
    cut = told[4][1]
    assert cut["item"] == "b"
    assert 200 < cut["heardMs"] < 2000
    assert cut["receivedMs"] == 2000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(run: Any, mute_visit: Any, scheme: str) -> None:
    """WCAG AA: 4.5 to 1."""
    mute_visit.page.emulate_media(color_scheme=scheme)
    contrasts = run("""
        const style = getComputedStyle(document.documentElement);
        const light = (name) => {
          const hex = style.getPropertyValue(name).trim().slice(1);
          const linear = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
            .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
          return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        };
        const contrast = (a, b) => {
          const [dark, bright] = [light(a), light(b)].sort((x, y) => x - y);
          return [`${a} on ${b}`, (bright + 0.05) / (dark + 0.05)];
        };
        const texts = ["--ink", "--faded", "--to-come", "--rubric"];
        return [
          ...texts.map((text) => contrast(text, "--sheet")),
          ...["--ink", "--faded", "--rubric"].map((text) => contrast(text, "--paper")),
          contrast("--on-rubric", "--rubric"),
        ];
    """)
    assert [(pair, ratio) for pair, ratio in contrasts if not ratio >= 4.5] == []
