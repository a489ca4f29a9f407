"""From which NUMA node the kernel gives memory to this thread and to those that it starts."""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Literal, TypeAlias

MemoryPolicy: TypeAlias = Literal["preferred", "bind"]
"""preferred: from other nodes too when that one is full. bind: from that one only."""

_MODES: dict[MemoryPolicy, int] = {"preferred": 1, "bind": 2}
_SYSTEM_CALLS = {"x86_64": 238, "aarch64": 237}
_WORD_BITS = 8 * ctypes.sizeof(ctypes.c_ulong)


def take_memory_from(node: int, policy: MemoryPolicy) -> None:
    """Raises OSError, such as in a container that may not. What is allocated already stays where it is."""
    number = _SYSTEM_CALLS.get(platform.machine())
    if number is None:
        raise OSError(f"set_mempolicy is not known for {platform.machine()}")
    words = (ctypes.c_ulong * (node // _WORD_BITS + 1))()
    words[node // _WORD_BITS] = 1 << (node % _WORD_BITS)
    libc = ctypes.CDLL(None, use_errno=True)
    bits = len(words) * _WORD_BITS + 1  # the kernel leaves out the last one
    if libc.syscall(ctypes.c_long(number), ctypes.c_int(_MODES[policy]), words, ctypes.c_ulong(bits)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
