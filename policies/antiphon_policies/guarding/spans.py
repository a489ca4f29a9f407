"""Durations of a policy, in seconds: the same few are read in every tick of every agent."""

from __future__ import annotations

from functools import lru_cache

from antiphon_crds.durations import parse_duration_seconds

seconds = lru_cache(maxsize=1024)(parse_duration_seconds)
