"""How long a process is to live."""

from __future__ import annotations

import asyncio
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
