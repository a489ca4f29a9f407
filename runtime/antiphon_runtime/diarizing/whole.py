"""The speakers of a whole file. All of it is known before anything is told, so later voices help with earlier words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count

from antiphon_crds.stage_options import DiarizationOptions
from antiphon_runtime.diarizing.segments import SpeakerSegment, joined
from antiphon_runtime.diarizing.speakers import Speakers, label
from antiphon_runtime.diarizing.speech_spans import loud_spans, spans_of
from antiphon_runtime.diarizing.windows import Window, windows_of
from antiphon_runtime.engines.protocols import HEARD_RATE, Samples
from antiphon_runtime.stages.working import Distinguishing

_AT_ONCE = 64
"""Windows that one file lets wait at the encoder; sessions go between them."""
_files = count()


async def diarize(
    samples: Samples,
    distinguishing: Distinguishing,
    options: DiarizationOptions,
    probabilities: Sequence[float] | None = None,
) -> list[SpeakerSegment]:
    """`samples` at 16 kHz; `probabilities` of speech in each 32 ms, where a vad has judged it: else loudness decides."""
    spans = loud_spans(samples) if probabilities is None else spans_of(probabilities)
    windows = [window for start_ms, end_ms in spans for window in windows_of(start_ms, end_ms, options)]
    directions = await _directions(samples, windows, distinguishing)
    labels = labels_of(directions, windows, options)
    return joined(
        SpeakerSegment(label, window.cell_start_ms / 1000, window.cell_end_ms / 1000)
        for window, label in zip(windows, labels, strict=True)
    )


def labels_of(directions: Sequence[Samples], windows: Sequence[Window], options: DiarizationOptions) -> list[str]:
    """Speakers are found in a first pass; in a second one each stretch goes to the one that it is most like."""
    speakers = Speakers(options)
    for direction, window in zip(directions, windows, strict=True):
        speakers.place(direction, window.seconds, window.cell_seconds)
    found = [
        speakers.nearest(direction) or speakers.place_surely(direction, window.seconds)
        for direction, window in zip(directions, windows, strict=True)
    ]
    in_order = {name: index for index, name in enumerate(dict.fromkeys(found))}
    return [label(in_order[name]) for name in found]


async def _directions(samples: Samples, windows: Sequence[Window], distinguishing: Distinguishing) -> list[Samples]:
    session = ("file", next(_files))
    found: list[Samples] = []
    for at in range(0, len(windows), _AT_ONCE):
        stretches = [_cut(samples, window) for window in windows[at : at + _AT_ONCE]]
        found += await asyncio.gather(*(distinguishing.embed(stretch, session=session) for stretch in stretches))
    return found


def _cut(samples: Samples, window: Window) -> Samples:
    return samples[round(window.start_ms * HEARD_RATE / 1000) : round(window.end_ms * HEARD_RATE / 1000)]
