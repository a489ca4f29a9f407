from __future__ import annotations

import asyncio
import json

import pytest
from virtual_time import in_virtual_time

from antiphon_runtime.server.outbox import MOST_BYTES, ClientStalledError, Outbox


async def forever(_: str) -> None:
    await asyncio.sleep(1e6)


@in_virtual_time
async def test_events_come_in_their_order_also_those_that_waited_for_a_connection() -> None:
    outbox, got = Outbox(), list[int]()

    async def send(text: str) -> None:
        await asyncio.sleep(0.01)
        got.append(json.loads(text)["number"])

    outbox.put([{"number": number} for number in range(3)])
    sending = asyncio.create_task(outbox.send_all(send))
    await asyncio.sleep(1)
    outbox.put([{"number": 3}])
    await asyncio.sleep(1)
    sending.cancel()
    assert got == [0, 1, 2, 3]
    assert outbox.waiting_bytes == 0


@in_virtual_time
async def test_what_was_not_sent_is_kept_for_the_next_connection() -> None:
    outbox, got = Outbox(), list[str]()
    outbox.put([{"number": 1}])
    sending = asyncio.create_task(outbox.send_all(forever))
    await asyncio.sleep(1)
    sending.cancel()

    async def send(text: str) -> None:
        got.append(text)

    await outbox.flush(send)
    assert got == ['{"number":1}']


@in_virtual_time
async def test_a_new_connection_begins_with_what_is_put_first() -> None:
    outbox, got = Outbox(), list[int]()

    async def send(text: str) -> None:
        got.append(json.loads(text)["number"])

    outbox.put([{"number": 3}, {"number": 4}])
    outbox.put_first([{"number": 1}, {"number": 2}])
    await outbox.flush(send)
    assert got == [1, 2, 3, 4]
    assert outbox.waiting_bytes == 0


@in_virtual_time
async def test_a_client_that_reads_nothing_is_given_up() -> None:
    outbox = Outbox()
    outbox.put([{"number": 1}])
    with pytest.raises(ClientStalledError, match="read nothing for 30 s"):
        await outbox.send_all(forever)
    assert asyncio.get_running_loop().time() == pytest.approx(30)


@in_virtual_time
async def test_memory_for_a_client_is_bounded() -> None:
    outbox = Outbox()
    sending = asyncio.create_task(outbox.send_all(forever))
    for _ in range(100):
        outbox.put([{"audio": "x" * (MOST_BYTES // 50)}])
        assert outbox.waiting_bytes <= MOST_BYTES * 1.1
    with pytest.raises(ClientStalledError):
        await sending
