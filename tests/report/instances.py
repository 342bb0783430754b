"""Instances and helpers that the report and command-line tests share."""

from __future__ import annotations

import numpy as np

import gavelopt as go


def random_instance(jobs: int, types: int = 3, *, seed: int = 0, names: list[str] | None = None) -> go.Instance:
    """Random rates, gangs of 1 and 2, and a cluster for about a quarter of the jobs."""
    random = np.random.default_rng(seed)
    return go.Instance.from_arrays(
        random.uniform(1.0, 10.0, (jobs, types)),
        np.full(types, max(2, jobs // (4 * types))),
        scale=random.choice([1, 2], jobs),
        steps=random.uniform(1e3, 1e6, jobs),
        jobs=names,
        accelerators=["v100", "p100", "k80"] if types == 3 else None,
    )


def widest(text: str) -> int:
    """Length of the longest line."""
    return max(map(len, text.split("\n")))


CLASSIC = go.Instance.from_arrays(
    [[4.0, 1.0], [3.0, 1.0], [2.0, 2.0]],
    [1, 1],
    jobs=["a", "b", "c"],
    accelerators=["v100", "k80"],
    steps=[14400.0, 10800.0, 7200.0],
)
"""Three jobs that paper and pencil solve: max_sum gives a the v100 and c the k80, 6 steps/s; makespan is 6300 s."""
