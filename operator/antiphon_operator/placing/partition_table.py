"""What partitions really hold, by GPU: usable memory and multiprocessors.

Source: NVIDIA's MIG user guide, and listings of `nvidia-smi mig -lgip` as kept in NVIDIA/mig-parted, NVIDIA/k8s-test-infra
and NVIDIA/gpu-operator (pull request 1303). Where drivers differ, the least figure stands. What was not found is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

GIB: Final = 2**30
BELOW_NAME_BYTES: Final = 5 * GIB // 2
"""Usable memory is up to this much less than a profile's name says. Taken off where the table has no figure."""


@dataclass(frozen=True)
class Slice:
    """What one partition has."""

    gib: float
    """Usable memory."""
    multiprocessors: int


_TABLE: Final[dict[str, dict[str, Slice]]] = {
    "a100": {
        "1g.5gb": Slice(4.75, 14),
        "1g.10gb": Slice(9.6, 14),  # on 40 GB the double memory, on 80 GB the plain one: the same figures
        "1g.20gb": Slice(19.5, 14),
        "2g.10gb": Slice(9.6, 28),
        "2g.20gb": Slice(19.5, 28),
        "3g.20gb": Slice(19.5, 42),
        "3g.40gb": Slice(39.25, 42),
        "4g.20gb": Slice(19.5, 56),
        "4g.40gb": Slice(39.25, 56),
        "7g.40gb": Slice(39.25, 98),
        "7g.80gb": Slice(78.5, 98),
    },
    "h100": {
        "1g.10gb": Slice(9.75, 16),
        "1g.20gb": Slice(19.62, 26),
        "2g.20gb": Slice(19.62, 32),
        "3g.40gb": Slice(39.5, 60),
        "4g.40gb": Slice(39.5, 64),
        "7g.80gb": Slice(79.25, 132),
    },
    "h200": {
        "1g.18gb": Slice(16.0, 16),
        "1g.35gb": Slice(32.25, 26),
        "2g.35gb": Slice(32.25, 32),
        "3g.71gb": Slice(69.5, 60),
        "4g.71gb": Slice(69.5, 64),
        "7g.141gb": Slice(140.0, 132),
    },
    "b200": {
        "1g.23gb": Slice(20.5, 18),
        "1g.45gb": Slice(44.25, 30),
        "2g.45gb": Slice(44.25, 36),
    },
    "gb200": {
        "1g.23gb": Slice(20.0, 18),
        "1g.24gb": Slice(20.0, 18),
        "1g.47gb": Slice(45.5, 32),
        "2g.47gb": Slice(45.5, 38),
    },
    "rtx-pro-6000": {
        "1g.24gb": Slice(23.62, 46),
        "2g.48gb": Slice(47.38, 94),
        "4g.96gb": Slice(95.0, 188),
    },
}
_COMPUTE_SLICES: Final = {"rtx-pro-6000": 4}
"""Compute slices of a whole GPU; 7 on the boards with eight units of memory."""
_SAME_SLICE: Final = {"gb200": frozenset({"1g.23gb", "1g.24gb"})}
"""One partition under two names: which one it is depends on the driver."""
_NAMES: Final = {"h200": "h200-141gb", "b200": "b200-180gb", "gb200": "gb200-186gb", "rtx-pro-6000": "rtx-pro-6000-96gb",
                 "t4": "t4-16gb"}  # fmt: skip
"""Name of the hardware where the product alone says it."""

_PROFILE = re.compile(r"([1-7])g\.([0-9]+)gb")
_SIZE = re.compile(r"([0-9]+)gb")
_NO_NAME = frozenset({"nvidia", "tesla", "geforce"})
_FORM = re.compile(
    r"sxm[0-9]*|pcie|hbm[0-9]e?|nvl|[0-9]+gb|blackwell|laptop|gpu|server|workstation|max|q|edition|generation"
)


def family_of(product: str) -> str | None:
    """`NVIDIA-H100-80GB-HBM3` -> `h100`. None: the table does not know it."""
    words = f"-{'-'.join(re.split(r'[ _-]+', product.lower()))}-"
    return next((family for family in (*_TABLE, "t4") if f"-{family}-" in words), None)


def base_profile(profile: str) -> str:
    """Without what it has besides, such as media engines: `1g.18gb+me` -> `1g.18gb`."""
    found = _PROFILE.match(profile)
    return found[0] if found else profile


def compute_slices(profile: str) -> int | None:
    found = _PROFILE.match(profile)
    return int(found[1]) if found else None


def share_of_gpu(product: str, profile: str) -> float:
    """Its share of the GPU's compute slices, by which it is paid."""
    return (compute_slices(profile) or 7) / _COMPUTE_SLICES.get(family_of(product) or "", 7)


def named_bytes(profile: str) -> int | None:
    """What the profile's name says, which is more than it holds."""
    found = _PROFILE.match(profile)
    return int(found[2]) * GIB if found else None


def usable_bytes(product: str, profile: str) -> int | None:
    """GPU memory that a partition holds: by the table, else its name's less what drivers keep. None: no such name."""
    known = _TABLE.get(family_of(product) or "", {}).get(base_profile(profile))
    if known:
        return int(known.gib * GIB)
    named = named_bytes(profile)
    return max(0, named - BELOW_NAME_BYTES) if named is not None else None


def multiprocessors_of(product: str, profile: str) -> int | None:
    known = _TABLE.get(family_of(product) or "", {}).get(base_profile(profile))
    return known.multiprocessors if known else None


def whole_bytes(product: str) -> int | None:
    """GPU memory of a whole GPU that tells nothing of itself: that of the partition which takes all of it."""
    held = {profile: found.gib for profile, found in _TABLE.get(family_of(product) or "", {}).items()}
    whole = [
        gib
        for profile, gib in held.items()
        if compute_slices(profile) == _COMPUTE_SLICES.get(family_of(product) or "", 7)
    ]
    return int(min(whole) * GIB) if whole else None


def board_bytes(product: str) -> int | None:
    """GPU memory by name, where all GPUs of that family have the same."""
    family = family_of(product) or ""
    named = {named_bytes(profile) for profile in _TABLE.get(family, {}) if compute_slices(profile) == 7}
    return named.pop() if len(named) == 1 else None


def is_same_slice(product: str, one: str, other: str) -> bool:
    return one == other or {one, other} <= _SAME_SLICE.get(family_of(product) or "", frozenset())


def hardware_name(product: str, memory_bytes: int | None) -> str | None:
    """Name under which profiles of VoiceModels know a GPU: `NVIDIA-H100-80GB-HBM3` -> `h100-80gb`.

    `memory_bytes` is that of the whole GPU. None where the size is told neither by it nor by the product.
    """
    family = family_of(product)
    if family in _NAMES:
        return _NAMES[family]
    words = [word for word in re.split(r"[^a-z0-9]+", product.lower()) if word and word not in _NO_NAME]
    named = next((found[1] for word in words if (found := _SIZE.fullmatch(word))), None)
    size = named or (str(-(-memory_bytes // GIB)) if memory_bytes else None)
    plain = family or "-".join(word for word in words if not _FORM.fullmatch(word))
    return f"{plain}-{size}gb" if size and plain else None
