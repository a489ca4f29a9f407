"""Fetches a server's metrics."""

from __future__ import annotations

import logging

import httpx

from antiphon_runtime.bench.histograms import Histogram, Key, histograms

_log = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 10.0


def scrape(url: str | None) -> dict[Key, Histogram]:
    """Empty where there is no URL, or no answer: the bench does not depend on it."""
    if url is None:
        return {}
    try:
        answer = httpx.get(url, timeout=_TIMEOUT_SECONDS, headers={"Accept": "text/plain"}, trust_env=False)
        answer.raise_for_status()
        return histograms(answer.text)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        _log.warning("no metrics from %s: %s", url, error)
        return {}
