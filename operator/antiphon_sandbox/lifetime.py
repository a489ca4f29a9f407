"""How long a process is to live, and how it lives on little."""

from __future__ import annotations

import asyncio
import gc
import signal


async def until_told_to_end() -> None:
    """Returns at the first SIGINT or SIGTERM; a second one ends the process as ever."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, told.set)
    await told.wait()
    for number in signals:
        loop.remove_signal_handler(number)


def tune_garbage_collection() -> None:
    """Objects live long and refer to one another in trees: looking for cycles among them often is time lost."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
