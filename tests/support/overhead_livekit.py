"""LiveKit Agents under the load of overhead_shape, with services that cost nothing. Prints one line of JSON.

No room and no network: sessions read an AudioInput and write an AudioOutput in this process. The input has 24 kHz, as that
of a room has by default; VAD and STT hear 16 kHz and let its resampler bring them there, as its plugins do. Its streaming STT
has the words before the turn is over, and its VAD's word on the end of speech is taken at once, so that preemptive
generation, which is on by default, has done its work by then.
"""

# Its classes are known only where it is installed, so nobody checks what is made of them.
# mypy: allow-subclassing-any, disable-error-code="name-defined, misc"

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from overhead_shape import (
    ANSWER,
    ANSWER_SECONDS,
    RATE,
    SILENCE_SECONDS,
    SILENCE_WINDOWS,
    WINDOW_SAMPLES,
    Load,
    Talker,
    is_loud,
    loud_pcm,
    measure,
    tone_pcm,
)

agents: Any = importlib.import_module("livekit.agents")
io: Any = importlib.import_module("livekit.agents.voice.io")
rtc: Any = importlib.import_module("livekit.rtc")
llm, stt, tts, vad = agents.llm, agents.stt, agents.tts, agents.vad

WINDOW_SECONDS = WINDOW_SAMPLES / RATE
SPEECH_WINDOWS = 4
WORDS_AFTER_WINDOWS = 5
INPUT_RATE = 24_000
HELD_BACK_SAMPLES = 1
"""By its resampler."""
LOUD = loud_pcm(INPUT_RATE)
SILENT = bytes(len(LOUD))
SPOKEN = [tone_pcm(seconds, RATE) for seconds in ANSWER_SECONDS]


class Windows:
    """Of a stream of frames: in each of them, whether it was loud."""

    def __init__(self) -> None:
        self._pcm = b""

    def of(self, pcm: bytes) -> Iterator[bool]:
        self._pcm += pcm
        while len(self._pcm) >= 2 * WINDOW_SAMPLES:
            window, self._pcm = self._pcm[: 2 * WINDOW_SAMPLES], self._pcm[2 * WINDOW_SAMPLES :]
            yield is_loud(window)


class Vad(vad.VAD):
    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=WINDOW_SECONDS))

    def stream(self) -> Any:
        return VadStream(self)


class VadStream(vad.VADStream):
    async def _main_task(self) -> None:
        windows = Windows()
        samples = loud = silent = 0
        speaks = False
        resampler = rtc.AudioResampler(INPUT_RATE, RATE, quality=rtc.AudioResamplerQuality.QUICK)
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                continue
            heard = b"".join(bytes(part.data) for part in resampler.push(frame))
            for is_speech in windows.of(heard):
                samples += WINDOW_SAMPLES
                loud, silent = (loud + 1, 0) if is_speech else (loud if speaks else 0, silent + 1)
                kinds = [vad.VADEventType.INFERENCE_DONE]
                if not speaks and loud == SPEECH_WINDOWS:
                    speaks = True
                    kinds.append(vad.VADEventType.START_OF_SPEECH)
                elif speaks and silent == SILENCE_WINDOWS:
                    speaks = False
                    kinds.append(vad.VADEventType.END_OF_SPEECH)
                for kind in kinds:
                    self._event_ch.send_nowait(_vad_event(kind, frame, samples, loud, silent, speaks))


def _vad_event(kind: Any, frame: Any, samples: int, loud: int, silent: int, speaks: bool) -> Any:
    return vad.VADEvent(
        type=kind,
        samples_index=samples,
        timestamp=samples / RATE,
        speech_duration=loud * WINDOW_SECONDS,
        silence_duration=silent * WINDOW_SECONDS,
        frames=[frame],
        probability=float(not silent),
        speaking=speaks,
        raw_accumulated_silence=silent * WINDOW_SECONDS,
        raw_accumulated_speech=0.0 if silent else loud * WINDOW_SECONDS,
    )


class Stt(stt.STT):
    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))

    async def _recognize_impl(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def stream(self, *, conn_options: Any = agents.DEFAULT_API_CONNECT_OPTIONS, **_: Any) -> Any:
        return SttStream(stt=self, conn_options=conn_options, sample_rate=RATE)


class SttStream(stt.RecognizeStream):
    async def _run(self) -> None:
        windows = Windows()
        silent, heard = 0, False
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                continue
            for is_speech in windows.of(bytes(frame.data)):
                heard, silent = heard or is_speech, 0 if is_speech else silent + 1
                if heard and silent == WORDS_AFTER_WINDOWS:
                    heard = False
                    said = stt.SpeechData(language=agents.LanguageCode("en"), text="This transcript is a fake.")
                    self._event_ch.send_nowait(
                        stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[said])
                    )


class Llm(llm.LLM):
    def chat(
        self, *, chat_ctx: Any, tools: Any = None, conn_options: Any = agents.DEFAULT_API_CONNECT_OPTIONS, **_: Any
    ) -> Any:
        return LlmStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class LlmStream(llm.LLMStream):
    async def _run(self) -> None:
        for index, sentence in enumerate(ANSWER):
            for word in sentence.split():
                text = word if not index and word == sentence.split()[0] else f" {word}"
                delta = llm.ChoiceDelta(role="assistant", content=text)
                self._event_ch.send_nowait(llm.ChatChunk(id="fake", delta=delta))


class Tts(tts.TTS):
    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=True), sample_rate=RATE, num_channels=1)

    def synthesize(self, text: str, **_: Any) -> Any:
        raise NotImplementedError(text)

    def stream(self, *, conn_options: Any = agents.DEFAULT_API_CONNECT_OPTIONS) -> Any:
        return TtsStream(tts=self, conn_options=conn_options)


class TtsStream(tts.SynthesizeStream):
    async def _run(self, output_emitter: Any) -> None:
        output_emitter.initialize(
            request_id="fake", sample_rate=RATE, num_channels=1, mime_type="audio/pcm", stream=True
        )
        spoken = 0
        output_emitter.start_segment(segment_id="fake")
        async for text in self._input_ch:
            if isinstance(text, str):
                if not spoken:
                    self._mark_started()
                if "." in text and spoken < len(SPOKEN):
                    output_emitter.push(SPOKEN[spoken])
                    spoken += 1
        output_emitter.end_segment()


class Microphone(io.AudioInput):
    def __init__(self) -> None:
        super().__init__(label="fake")
        self.frames: asyncio.Queue[Any] = asyncio.Queue()

    async def __anext__(self) -> Any:
        return await self.frames.get()


class Speaker(io.AudioOutput):
    """Plays in real time: says that it is done when all has been played."""

    def __init__(self, talker: Talker) -> None:
        super().__init__(label="fake", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self._talker = talker
        self._loop = asyncio.get_running_loop()
        self._began: float | None = None
        self._seconds = 0.0
        self._playing: asyncio.TimerHandle | None = None

    async def capture_frame(self, frame: Any) -> None:
        await super().capture_frame(frame)
        self._talker.heard()
        if self._began is None:
            self._began, self._seconds = self._loop.time(), 0.0
        self._seconds += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._began is not None and self._playing is None:
            self._playing = self._loop.call_at(self._began + self._seconds, self._finish, False)

    def clear_buffer(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
            self._finish(True)

    def _finish(self, interrupted: bool) -> None:
        played = self._seconds if self._began is None else min(self._loop.time() - self._began, self._seconds)
        self._began = self._playing = None
        self.on_playback_finished(playback_position=played, interrupted=interrupted)


class LivekitCall:
    def __init__(self, session: Any, microphone: Microphone, talker: Talker) -> None:
        self.talker = talker
        self._session = session
        self._microphone = microphone

    async def send(self, loud: bool) -> None:
        data = LOUD if loud else SILENT
        self._microphone.frames.put_nowait(rtc.AudioFrame(data, INPUT_RATE, 1, len(data) // 2))

    async def close(self) -> None:
        await self._session.aclose()


async def open_call(index: int) -> LivekitCall:
    talker = Talker(index, held_back_samples=HELD_BACK_SAMPLES)
    turns = {"turn_detection": "vad", "endpointing": {"min_delay": 0.0, "max_delay": SILENCE_SECONDS}}
    session = agents.AgentSession(
        stt=Stt(),
        vad=Vad(),
        llm=Llm(),
        tts=Tts(),
        turn_handling=turns,
        user_away_timeout=None,
        aec_warmup_duration=None,
    )
    microphone = Microphone()
    session.input.audio = microphone
    session.output.audio = Speaker(talker)
    await session.start(agents.Agent(instructions="You are a helpful assistant."), record=False)
    return LivekitCall(session, microphone, talker)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    figures = asyncio.run(measure(Load(options.sessions, options.seconds), open_call))
    print(json.dumps(figures.as_json() | {"version": agents.__version__}))


if __name__ == "__main__":
    main()
