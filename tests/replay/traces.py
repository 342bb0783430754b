"""Traces for the replay tests: the lecture's four jobs, and small random ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import gavelopt as go


def lecture(weight: Any = None) -> go.Instance:
    """Two GPUs; jobs of 30, 10, 25, 40 seconds that arrive at 0, 0, 1, 4."""
    return go.Instance.from_arrays(
        np.ones((4, 1)), [2], steps=[30, 10, 25, 40], arrival_s=[0, 0, 1, 4], weight=weight, accelerators=["gpu"]
    )


@st.composite
def traces(draw: st.DrawFn, *, at_once: bool = False, longest: float = 3000.0) -> go.Instance:
    """Up to nine jobs with gangs of 1 to 4 on one to three types; some cannot run on some types, or anywhere."""
    types, jobs = draw(st.integers(1, 3)), draw(st.integers(1, 9))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rates = random.choice([0.0, 0.5, 1.0, 3.0], size=(jobs, types), p=[0.1, 0.2, 0.3, 0.4])
    arrival = np.zeros(jobs) if at_once else np.round(random.uniform(0, longest, jobs), draw(st.sampled_from([-2, 3])))
    return go.Instance.from_arrays(
        rates,
        random.integers(1, 6, size=types),
        scale=random.choice([1, 1, 2, 4], size=jobs),
        steps=random.uniform(1.0, longest, jobs) * (random.random(jobs) > 0.05),
        weight=random.choice([1.0, 2.0, 5.0], size=jobs),
        arrival_s=np.abs(arrival),
        cost_per_hour=random.uniform(0.1, 3.0, types),
    )


def failed(replay: go.Replay, **options: Any) -> list[go.Check]:
    """The checks that a replay does not pass."""
    return [check for check in go.check_replay(replay, **options) if not check.passed]
