"""What Prometheus is asked: a few questions for all agents together, whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from antiphon_operator.observing.series import FAMILY, Family, Need

NAMESPACE, AGENT, POD = "namespace", "agent", "pod"
"""Labels that the scrape gives: Prometheus' own of a pod, and the pod's label antiphon.dev/agent as `agent`."""
WHAT = "what"
"""Label of an answer's rows: what the row is about, as in `turn:bucket`."""
AGE, INTERVAL, GPU, COVERED = "age", "interval", "gpu", "covered"
STEPS = 20
"""Into which a window is cut, to see in how many of them there were samples."""

_OURS = f'{AGENT}!=""'


def freshness(interval_window_seconds: float) -> str:
    """Age of each pod's newest sample, the longest-known pod's scrape interval, and the load of GPUs.

    Ages are by Prometheus' own clock: one that is wrong does no harm.
    """
    by_pod = f"max by ({NAMESPACE}, {AGENT}, {POD})"
    seconds = _seconds(interval_window_seconds)
    return _any_of(
        (
            _named(f"time() - {by_pod} (timestamp(antiphon_ready{{{_OURS}}}))", AGE),
            _named(f"{seconds} / max(count_over_time(antiphon_ready{{{_OURS}}}[{seconds}s]))", INTERVAL),
            _named(f"{by_pod} (antiphon_gpu_utilisation_ratio{{{_OURS}}})", GPU),
        )
    )


def growth(needs: Collection[Need], window_seconds: float) -> str:
    """By how much these grew, and in how many of the window's steps there were samples.

    A pod that is scraped twice, as by two Prometheuses behind one address, counts once.
    """
    seconds = _seconds(window_seconds)
    whats = sorted({need.what for need in needs})
    stages = {what: sorted({need.stage for need in needs if need.what == what}) for what in whats}
    parts = (part for what in whats for part in _parts(FAMILY[what], stages[what], seconds))
    return _any_of((*parts, _named(_coverage(window_seconds), COVERED)))


def _coverage(window_seconds: float) -> str:
    step = max(1, round(window_seconds / STEPS))
    samples = f"count by ({NAMESPACE}, {AGENT}) (antiphon_ready{{{_OURS}}})"
    return f"count_over_time(({samples})[{_seconds(window_seconds)}s:{step}s]) * {step}"


def _parts(family: Family, stages: list[str], seconds: int) -> Iterator[str]:
    """Of some stages alone where none of them is empty, which stands for all."""
    only = f',stage=~"{"|".join(stages)}"' if all(stages) else ""
    series = f"{{{_OURS}{only}}}[{seconds}s]"
    match family.kind:
        case "counter":
            yield _named(_increase(family, family.metric, (), series), f"{family.what}:value")
        case "sums":
            yield _named(_increase(family, f"{family.metric}_count", (), series), f"{family.what}:count")
            yield _named(_increase(family, f"{family.metric}_sum", (), series), f"{family.what}:sum")
        case "histogram":
            yield _named(_increase(family, f"{family.metric}_bucket", ("le",), series), f"{family.what}:bucket")
            yield _named(_increase(family, f"{family.metric}_sum", (), series), f"{family.what}:sum")


def _increase(family: Family, metric: str, more: tuple[str, ...], series: str) -> str:
    kept = ", ".join((NAMESPACE, AGENT, *family.keeps, *more))
    of_a_pod = ", ".join((NAMESPACE, AGENT, POD, *family.keeps, *family.adds_up, *more))
    return f"sum by ({kept}) (max by ({of_a_pod}) (increase({metric}{series})))"


def _named(expression: str, what: str) -> str:
    return f'label_replace({expression}, "{WHAT}", "{what}", "", "")'


def _any_of(expressions: Iterable[str]) -> str:
    return " or ".join(expressions)


def _seconds(seconds: float) -> int:
    return max(1, round(seconds))
