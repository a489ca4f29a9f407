"""The name of the hardware is the one that profiles are written for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from antiphon_crds.scalars import Hardware
from antiphon_runtime.machine.devices import GpuFacts
from antiphon_runtime.machine.hardware import Roots, cores, gpu_name, hardware_name

MIB = 1 << 20
HARDWARE = TypeAdapter[str](Hardware)
POLICIES = Path(__file__).parents[3] / "policies"


def facts(name: str, mib: int | None, profile: str | None = None) -> GpuFacts:
    size = mib * MIB if mib else None
    return GpuFacts("GPU-1", name, profile, "", size, size)


@pytest.mark.parametrize(
    ("name", "mib", "profile", "known_as"),
    [
        ("NVIDIA H200", 143771, None, "h200-141gb"),
        ("NVIDIA H200", 143771, "1g.18gb", "h200-141gb/1g.18gb"),
        ("NVIDIA H100 80GB HBM3", 81559, None, "h100-80gb"),
        ("NVIDIA H100 NVL", 95830, "1g.12gb+me", "h100-94gb/1g.12gb+me"),
        ("NVIDIA B200", 183359, None, "b200-180gb"),
        ("NVIDIA GB200", 189471, "1g.23gb", "gb200-186gb/1g.23gb"),
        ("NVIDIA GH200 480GB", 97871, None, "gh200-96gb"),
        ("NVIDIA A100-SXM4-40GB", 40960, None, "a100-40gb"),
        ("NVIDIA A100 80GB PCIe", 81920, None, "a100-80gb"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", 97887, "2g.48gb", "rtx-pro-6000-96gb/2g.48gb"),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", 97887, None, "rtx-pro-6000-96gb"),
        ("NVIDIA RTX 6000 Ada Generation", 49140, None, "rtx-6000-ada-48gb"),
        ("NVIDIA GeForce RTX 4090", 24564, None, "rtx-4090-24gb"),
        ("NVIDIA L4", 23034, None, "l4-24gb"),
        ("NVIDIA L40S", 46068, None, "l40s-48gb"),
        ("Tesla T4", 15360, None, "t4-16gb"),
        ("Tesla V100-SXM2-16GB", 16384, None, "v100-16gb"),
        ("NVIDIA H200", None, None, "h200"),
        ("", 5 * 1024, None, "gpu-5gb"),
    ],
)
def test_gpus(name: str, mib: int | None, profile: str | None, known_as: str) -> None:
    assert gpu_name(facts(name, mib, profile)) == known_as


@given(st.text(), st.none() | st.integers(1, 10**9), st.sampled_from([None, "", "1g.18gb", "1g.10gb+me"]))
def test_whatever_a_gpu_is_called_the_name_is_allowed(name: str, mib: int | None, profile: str | None) -> None:
    HARDWARE.validate_python(gpu_name(facts(name, mib, profile)))


@pytest.mark.parametrize(
    ("name", "mib", "profile"),
    [
        ("NVIDIA B200", 183359, None),
        ("NVIDIA GeForce RTX 4090", 24564, None),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", 97887, "2g.48gb"),
    ],
)
def test_presets_know_their_gpus_by_the_same_name(name: str, mib: int, profile: str | None) -> None:
    presets = "\n".join(file.read_text(encoding="utf-8") for file in POLICIES.glob("models-*.yaml"))
    assert f"- hardware: {gpu_name(facts(name, mib, profile))}\n" in presets


# --- CPUs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots(proc=tmp_path / "proc", cgroup=tmp_path / "cgroup")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("cpuinfo", "word"),
    [
        ("flags\t\t: fpu sse4_2 avx avx2 avx512f avx512_vnni\n", "avx512"),
        ("flags\t\t: fpu sse4_2 avx avx2\n", "avx2"),
        ("Features\t: fp asimd sve\n", "sve"),
        ("Features\t: fp asimd\n", "neon"),
    ],
)
def test_cpus_by_their_widest_vectors_and_cores(roots: Roots, cpuinfo: str, word: str) -> None:
    write(roots.proc / "cpuinfo", cpuinfo)
    assert hardware_name(None, roots) == f"cpu-{word}-{len(os.sched_getaffinity(0))}"


def test_this_machine_has_a_name_that_is_allowed(roots: Roots) -> None:
    HARDWARE.validate_python(hardware_name(None))
    HARDWARE.validate_python(hardware_name(None, roots))


def test_half_a_core_is_one_in_the_name(roots: Roots) -> None:
    write(roots.proc / "self/cgroup", "0::/\n")
    write(roots.cgroup / "cpu.max", "50000 100000\n")
    assert cores(roots) == 0.5
    assert hardware_name(None, roots).endswith("-1")


# --- cores -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("membership", "files", "limit"),
    [
        ("0::/pod\n", {"pod/cpu.max": "75000 100000"}, 0.75),
        ("0::/pod/one\n", {"pod/cpu.max": "25000 100000", "pod/one/cpu.max": "max 100000"}, 0.25),
        ("0::/on/the/host\n", {"cpu.max": "60000 100000"}, 0.6),
        ("0::/../other\n", {"cpu.max": "60000 100000"}, 0.6),
        ("0::/pod\n", {"pod/cpu.max": "max 100000"}, None),
        ("0::/pod\n", {"pod/cpu.max": "nonsense"}, None),
        ("0::/pod\n", {}, None),
        ("4:cpu:/a:b\n", {"cpu/a:b/cpu.cfs_quota_us": "50000", "cpu/a:b/cpu.cfs_period_us": "100000"}, 0.5),
        ("4:cpuacct,cpu:/\n", {"cpu/cpu.cfs_quota_us": "10000", "cpu/cpu.cfs_period_us": "100000"}, 0.1),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("4:cpuset:/\n", {"cpuset/cpu.cfs_quota_us": "10000", "cpuset/cpu.cfs_period_us": "100000"}, None),
        ("a line that is none\n", {}, None),
    ],
)
def test_cores_by_quota(roots: Roots, membership: str, files: dict[str, str], limit: float | None) -> None:
    write(roots.proc / "self/cgroup", membership)
    for name, text in files.items():
        write(roots.cgroup / name, text + "\n")
    assert cores(roots) == (limit if limit is not None else len(os.sched_getaffinity(0)))


def test_a_quota_above_what_may_be_used_gives_no_more(roots: Roots) -> None:
    write(roots.proc / "self/cgroup", "0::/\n")
    write(roots.cgroup / "cpu.max", "100000000 100000\n")
    assert cores(roots) == len(os.sched_getaffinity(0))


def test_without_cgroups_affinity_counts(roots: Roots) -> None:
    assert cores(roots) == len(os.sched_getaffinity(0))
