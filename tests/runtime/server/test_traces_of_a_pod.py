"""A turn of the real program comes to the collector as one trace."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from callers import Caller
from trace_collector import collecting
from voice_process import pod_process


def test_a_turn_is_traced_with_its_session_and_its_parts(tmp_path: Path) -> None:
    with collecting() as collector, pod_process(tmp_path, telemetry={"tracesEndpoint": collector.url}) as pod:
        caller = Caller(pod.realtime_url)
        asyncio.run(caller.call(1))
        assert caller.answers == ["completed"]
        pod.process.send_signal(signal.SIGTERM)
        assert pod.process.wait(timeout=15) == 0
        spans = {span.name: span for span in collector.spans}
        (root,) = (span for span in collector.spans if not span.parent_span_id)
        assert len({span.trace_id for span in collector.spans}) == 1
        assert len(spans) > 3
        session = caller.of("session.created")[0]["session"]["id"]
        told = {pair.key: pair.value.string_value for pair in root.attributes}
        assert told["gen_ai.conversation.id"] == session
        assert all(root.start_time_unix_nano <= span.start_time_unix_nano for span in collector.spans)
