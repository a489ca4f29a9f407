"""A kopf operator before a server that fails: afterwards the world is as it must be, and the operator never ended."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from echo_operator import GROUP, PLURAL
from echoes import Echoes, echo_crd, running_operator
from faults import CutWatch, DropAfter, DropBefore, ExpireWatch, Fault, Hang, Refuse
from faulty_proxy import FaultyProxy, running_proxy

from cluster import Cluster

ECHOES = f"/{GROUP}/.*{PLURAL}"
OF_ECHOES = f"{ECHOES}$"
OF_CONFIG_MAPS = "/configmaps/"


@pytest.fixture(scope="module")
def proxy(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProxy]:
    with running_proxy(cluster.kubeconfig, tmp_path_factory.mktemp("proxy") / "kubeconfig") as running:
        yield running


@pytest.fixture(scope="module")
def operator(
    cluster: Cluster, proxy: FaultyProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[subprocess.Popen[bytes]]:
    """One operator for all faults: none of them may end it."""
    log = tmp_path_factory.mktemp("operator") / "log"
    with echo_crd(cluster), running_operator(proxy.kubeconfig, log) as process:
        yield process
        assert process.poll() is None, log.read_text()[-5000:]


@pytest.fixture
def echoes(cluster: Cluster, namespace: str, operator: subprocess.Popen[bytes], proxy: FaultyProxy) -> Iterator[Echoes]:
    """Three Echoes that the operator has dealt with; at the end, none is left and the operator lives."""
    found = Echoes(cluster, namespace)
    found.make("stays", "changes", "goes")
    found.wait()
    proxy.wait_watched(ECHOES)
    yield found
    proxy.heal()
    found.delete(*found.texts)
    found.wait()
    assert operator.poll() is None


def work(echoes: Echoes, round_: str) -> None:
    """Of everything a little: one made, one changed, one deleted."""
    echoes.make(f"new-{round_}", f"goes-{round_}")
    echoes.change(f"changed in {round_}", "changes")
    echoes.delete(f"goes-{round_}", *({"goes"} & echoes.texts.keys()))


def test_it_does_its_work_where_nothing_fails(echoes: Echoes) -> None:
    work(echoes, "calm")
    echoes.wait()


@pytest.mark.parametrize(
    "end",
    [CutWatch(), CutWatch(mid_line=True), ExpireWatch()],
    ids=["closed", "cut in a line", "410"],
)
def test_running_watches_end(echoes: Echoes, proxy: FaultyProxy, end: CutWatch | ExpireWatch) -> None:
    assert proxy.end_watches(end, ECHOES) == 1
    work(echoes, "during")
    echoes.wait()
    work(echoes, "after")
    echoes.wait()


@pytest.mark.parametrize(
    "fault",
    [CutWatch(), CutWatch(after_events=1), CutWatch(after_events=1, mid_line=True), ExpireWatch(), DropBefore(),
     Refuse(429, "TooManyRequests", 1), Refuse(500, "InternalError"), Refuse(503, "ServiceUnavailable")],
    ids=str,
)  # fmt: skip
def test_new_watches_fail_several_times(echoes: Echoes, proxy: FaultyProxy, fault: Fault) -> None:
    failing = proxy.inject(fault, "WATCH", ECHOES, times=4)
    assert proxy.end_watches(CutWatch(), ECHOES) == 1
    for round_ in ("one", "two", "three"):
        work(echoes, round_)
        echoes.wait()
    failing.wait()
    work(echoes, "after")
    echoes.wait()


@pytest.mark.parametrize(
    "fault", [Refuse(429, "TooManyRequests", 1), Refuse(500, "InternalError"), DropBefore()], ids=str
)
def test_lists_fail_after_a_410(echoes: Echoes, proxy: FaultyProxy, fault: Fault) -> None:
    failing = proxy.inject(fault, "GET", OF_ECHOES, times=3)
    assert proxy.end_watches(ExpireWatch(), ECHOES) == 1
    work(echoes, "during")
    echoes.wait()
    failing.wait()
    work(echoes, "after")
    echoes.wait()


@pytest.mark.parametrize(
    "fault",
    [Refuse(429, "TooManyRequests", 1), Refuse(500, "InternalError"), Refuse(503), DropBefore(), DropAfter(), Hang()],
    ids=str,
)
def test_the_operators_writes_fail(echoes: Echoes, proxy: FaultyProxy, fault: Fault) -> None:
    failing = proxy.inject(fault, "PATCH|DELETE", OF_CONFIG_MAPS, times=3)
    work(echoes, "during")
    failing.wait()
    echoes.wait()
    work(echoes, "after")
    echoes.wait()


@pytest.mark.parametrize(
    "fault", [Refuse(429, "TooManyRequests", 1), Refuse(500, "InternalError"), DropBefore(), DropAfter()], ids=str
)
def test_kopfs_own_writes_fail(echoes: Echoes, proxy: FaultyProxy, fault: Fault) -> None:
    """kopf sets and removes the finalizer that its timer needs."""
    failing = proxy.inject(fault, "PATCH", ECHOES, times=3)
    work(echoes, "during")
    failing.wait()
    echoes.wait()
    work(echoes, "after")
    echoes.wait()


def test_a_429_is_answered_by_waiting(echoes: Echoes, proxy: FaultyProxy) -> None:
    """Three refusals with Retry-After 1 mean three requests refused, not a storm of them."""
    before = proxy.counts("PATCH", f"{OF_CONFIG_MAPS}lone$")
    failing = proxy.inject(Refuse(429, "TooManyRequests", 1), "PATCH", f"{OF_CONFIG_MAPS}lone$", times=3)
    echoes.make("lone")
    echoes.wait()
    failing.wait()
    requests = proxy.counts("PATCH", f"{OF_CONFIG_MAPS}lone$") - before
    assert requests[429] == 3
    assert requests.total() < 10


def test_everything_fails_at_once(echoes: Echoes, proxy: FaultyProxy) -> None:
    proxy.inject(Refuse(500, "InternalError"), "PATCH|DELETE", OF_CONFIG_MAPS, times=2)
    proxy.inject(DropAfter(), "PATCH|DELETE", OF_CONFIG_MAPS, times=2)
    proxy.inject(Refuse(503), "GET", ECHOES, times=3)
    proxy.inject(DropBefore(), "PATCH", ECHOES, times=2)
    proxy.inject(CutWatch(after_events=1, mid_line=True), path=ECHOES, times=2)
    assert proxy.end_watches(ExpireWatch(), ECHOES) == 1
    work(echoes, "during")
    echoes.wait()
    work(echoes, "after")
    echoes.wait()
