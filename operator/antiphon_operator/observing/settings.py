"""How metrics are asked for: each setting with its unit, default and reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScrapeSettings:
    """Of the direct scrape of pods."""

    page_seconds: float = 2.0
    """For a whole page. A pod answers in some milliseconds; a tick of 5 s must have time left to decide."""
    tick_seconds: float = 3.0
    """For all pages of a look. Pods that were not reached by then are first in the next one."""
    most_at_once: int = 64
    """Requests under way."""
    most_per_look: int = 1000
    """Pages read in one look. One costs 1 to 2 ms of this process; of more pods, each is read less often."""
    largest_page_bytes: int = 4 << 20
    """Fifty times what a pod with four stages tells."""
    gap_seconds: float = 60.0
    """An agent that was not scraped for so long begins anew: what came meanwhile can't be put at its time."""


@dataclass(frozen=True)
class PrometheusSettings:
    """Of the queries to Prometheus."""

    answer_seconds: float = 2.0
    """For one answer; the questions of a look go at once. If they fail, the pods can still be scraped in the same tick."""
    largest_answer_bytes: int = 128 << 20
    """1,000 agents with three objectives make about 13 MB in a look."""
    longest_kept_seconds: float = 15.0
    """A window is asked for again after a fortieth of its length, and after so long at the latest."""
    most_windows: int = 4
    """Windows that are asked for; others are rounded up to one of them, so that queries do not grow with policies."""
    recent_seconds: float = 30.0
    """Window of what must be quick."""
    rate_seconds: float = 60.0
    """Window of arrivals, refusals and turns a second."""
    work_seconds: float = 30.0
    """Between two looks at the work of stages. Shorter than a few scrapes, an increase is mostly extrapolation."""
    quick_interval_seconds: float = 10.0
    """Scrape interval up to which 30 s hold enough samples; pods of slower ones are scraped for what must be quick."""
    most_quick_pods: int = 400
    """Pods that are scraped beside a slow Prometheus: about half a second of this process in 5 s."""
    interval_window_seconds: float = 120.0
    """Over which samples are counted to find the scrape interval."""


@dataclass(frozen=True)
class TrustSettings:
    """When Prometheus is believed."""

    stale_intervals: float = 3.0
    """After so many scrape intervals without a new sample it is stale: one lost scrape is no news."""
    least_stale_seconds: float = 10.0
    """However short the interval: a scrape may be late."""
    most_stale_seconds: float = 90.0
    """However long the interval."""
    looks_to_return: int = 3
    """Looks in a row that must find it fresh before it is believed again."""
    pause_seconds: float = 15.0
    """After an answer that failed, until it is asked again; doubled with each failure in a row."""
    longest_pause_seconds: float = 120.0
    """The same, at most."""
