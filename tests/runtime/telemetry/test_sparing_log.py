"""However much a library complains, a minute has one line of it."""

from __future__ import annotations

import logging

import pytest

from antiphon_runtime.telemetry.sparing_log import SparingLog


def test_one_line_a_minute_that_says_how_many_were_left_out(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    noisy = logging.getLogger("a_noisy_library.exporter")
    sparing = SparingLog("a_noisy_library", logging.getLogger("ours"), "traces", clock=lambda: now[0])
    for second in range(130):
        now[0] = float(second)
        noisy.error("no route to %s", "host")
        noisy.info("this is not for everybody")
    sparing.close()
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("ours", "traces: no route to host"),
        ("ours", "traces: no route to host (59 more messages since the last one)"),
        ("ours", "traces: no route to host (59 more messages since the last one)"),
    ]


def test_after_its_end_the_library_speaks_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    SparingLog("a_noisy_library", logging.getLogger("ours"), "traces").close()
    logging.getLogger("a_noisy_library.exporter").warning("hello")
    assert [record.name for record in caplog.records] == ["a_noisy_library.exporter"]
