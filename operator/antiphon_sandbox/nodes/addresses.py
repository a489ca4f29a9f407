"""Addresses of pods: each live one has its own in 127.64.0.0/11, below those of Services."""

from __future__ import annotations

import ipaddress
import random

POD_NETWORK = ipaddress.IPv4Network("127.64.0.0/11")


class Addresses:
    """Hands out addresses in turn, so that one that was just freed is not soon somebody else's.

    The turn begins anywhere, so that two sandboxes of one machine do not meet.
    """

    def __init__(self, first: int | None = None) -> None:
        self._next = random.randrange(POD_NETWORK.num_addresses) if first is None else first  # noqa: S311
        self._taken: set[str] = set()

    def take(self) -> str:
        for _ in range(POD_NETWORK.num_addresses):
            address = POD_NETWORK[self._next % POD_NETWORK.num_addresses]
            self._next += 1
            if int(address) & 0xFF not in (0, 0xFF) and str(address) not in self._taken:
                self._taken.add(str(address))
                return str(address)
        raise RuntimeError(f"every address of {POD_NETWORK} is taken")

    def release(self, address: str) -> None:
        self._taken.discard(address)
