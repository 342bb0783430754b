"""Clockwork++: replication re-placed in every window, with the window's own requests known and switching free.

For each window of ``window_s`` seconds the fast heuristic fills groups of one device for exactly the requests that will
arrive in it; clocks start idle in every window. An idealised baseline: it knows the future and pays nothing for loading
weights, which no placement can do, so its value may exceed the optimum of a fixed placement. The released experiments use
windows of 60 s (MAF1) and 21,600 s (MAF2).
Reference: AlpaServe, OSDI 2023, section 6.1 (the upper bound of Clockwork, OSDI 2020).
"""

from __future__ import annotations

import numpy as np

import gavelopt as go
from formulations.alpaserve.greedy import equal_groups, fill
from formulations.alpaserve.scoring import Scorer, answer, instance_of

WINDOW_S = 60.0


def clockwork(problem: go.Problem, window_s: float = WINDOW_S) -> go.Answer:
    """A schedule of replications, one a window of the judged requests."""
    instance = instance_of(problem)
    last = float(instance.workload.arrival_s[-1]) if len(instance.workload) else 0.0
    starts = np.arange(0.0, last + 1e-9, window_s).tolist() or [0.0]
    placements = []
    for start in starts:
        own = instance.workload.between(start, start + window_s)
        scorer = Scorer(instance, workload=own, deadline=problem.deadline)
        code, _ = fill(scorer, equal_groups(scorer, go.Configuration()))
        placements.append(instance.decode(code))
    plan = go.PlacementSchedule(tuple(starts), tuple(placements))
    return answer(problem, plan, f"{len(starts)} window(s) of {window_s:g} s, each placed for its own requests")
