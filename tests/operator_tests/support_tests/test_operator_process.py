"""A child of the tests: what its end must look like, and what is read of its metrics."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from operator_process import Child, ended, parse_metrics, start

READY = "print('ready', flush=True);"
PATIENT = f"import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); {READY} time.sleep(60)"
STUBBORN = f"import signal, time; signal.signal(15, signal.SIG_IGN); {READY} time.sleep(60)"
RUDE = f"import time; {READY} time.sleep(60)"
BRIEF = "import sys; sys.exit(3)"


def child(program: str, folder: Path) -> Child:
    log = folder / "log"
    with log.open("wb") as output:
        started = Child(start([sys.executable, "-c", program], output.fileno()), log)
    if "ready" in program:
        started.wait_until(lambda: "ready" in started.log, "ready", 10)
    return started


def test_it_is_ended_in_good_order(tmp_path: Path) -> None:
    with ended(child(PATIENT, tmp_path)) as _:
        pass


def test_it_must_end_by_sigterm_soon_and_with_zero(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="did not end it within"), ended(stubborn := child(STUBBORN, tmp_path)):
        stubborn.terminate(within_seconds=0.2)
    assert not stubborn.is_running
    with pytest.raises(AssertionError, match="ended with -15"):
        child(RUDE, tmp_path).terminate()


def test_it_must_not_end_by_itself(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended by itself with 3"), ended(brief := child(BRIEF, tmp_path)):
        brief.process.wait()


def test_a_crash_is_no_error_where_it_was_meant(tmp_path: Path) -> None:
    with ended(rude := child(RUDE, tmp_path)):
        rude.kill()
    assert rude.process.returncode == -9


def test_what_went_wrong_inside_is_what_is_told(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), ended(stubborn := child(STUBBORN, tmp_path)):
        raise ZeroDivisionError
    assert not stubborn.is_running


def test_metrics_are_summed_over_the_labels_that_were_not_named() -> None:
    metrics = parse_metrics(
        "# TYPE writes counter\n"
        'writes_total{verb="patch",resource="pods"} 2\n'
        'writes_total{verb="patch",resource="secrets"} 3\n'
        'writes_total{verb="delete",resource="pods"} 4\n'
    )
    assert metrics.total("writes_total") == 9
    assert metrics.total("writes_total", verb="patch") == 5
    assert metrics.total("writes_total", verb="patch", resource="pods") == 2
    assert metrics.total("reads_total") == 0
