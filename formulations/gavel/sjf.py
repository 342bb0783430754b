"""Shortest job first.

    minimise over X  min_i  n_i / tput_i                tput_i = sum_j T_ij X_ij
    subject to       sum_j X_ij <= 1,   sum_i s_i X_ij <= N_j,   X >= 0

As the lecture writes it this maximises a convex function (no linear program), and it says nothing of the other jobs. It
has a closed form: the job with the smallest  n_i / max_j T_ij  over the types its gang fits on, given all its time there
(method ``closed_form``). The useful extension is lexicographic (method ``lexicographic``): among what earlier jobs leave,
the job that can finish first takes its best fill of the fastest types, and so on. Both have the same value, seconds until
the first job is done. A job without steps left is done and does not count; the value is 0 where all jobs are done. The
lexicographic order is exact: a job's time can only grow as capacity goes, so a job whose time is unchanged when it reaches
the head of the queue is the shortest.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go


def _best_fill(rates: go.FloatArray, free: go.FloatArray, scale: float) -> tuple[go.FloatArray, float]:
    """(R,) the fill of the fastest types within ``free`` accelerators and one unit of time, and its rate."""
    fill, left = np.zeros(len(rates)), 1.0
    for column in np.argsort(-rates, kind="stable"):
        if rates[column] <= 0 or left <= 0:
            break
        fill[column] = min(left, max(free[column], 0.0) / scale)
        left -= fill[column]
    return fill, float(fill @ rates)


def _closed_form(problem: go.Problem) -> go.Answer:
    instance = problem.instance
    x = np.zeros((len(instance.jobs), len(instance.cluster)))
    shortest = int(np.argmin(_shortest_times(problem)))
    x[shortest], _ = _best_fill(
        instance.rates[shortest], instance.cluster.count, float(instance.jobs.scale_factor[shortest])
    )
    return go.Answer(x.ravel())


def _lexicographic(problem: go.Problem) -> go.Answer:
    instance, steps = problem.instance, _steps(problem)
    rates, scale = instance.rates, instance.jobs.scale_factor.astype(float)
    free = instance.cluster.count.copy()
    x = np.zeros(rates.shape)
    queue = [(float(t), i) for i, t in enumerate(_shortest_times(problem)) if np.isfinite(t)]
    heapq.heapify(queue)
    while queue and (free > 0).any():
        promised, job = heapq.heappop(queue)
        fill, rate = _best_fill(rates[job], free, scale[job])
        if rate <= 0:
            continue
        now = float(steps[job] / rate)
        if queue and now > promised and now > queue[0][0]:
            heapq.heappush(queue, (now, job))
            continue
        x[job] = fill
        free = np.maximum(free - scale[job] * fill, 0.0)
    return go.Answer(x.ravel())


def _steps(problem: go.Problem) -> go.FloatArray:
    return go.NumericView(problem.instance, problem.space, np.zeros(len(problem.instance.jobs))).steps


def _shortest_times(problem: go.Problem) -> go.FloatArray:
    """(J,) seconds each job needs with all capacity to itself; infinite where it cannot run or is done."""
    steps, ceiling = _steps(problem), problem.space.ceiling
    todo = (steps > 0) & (ceiling > 0)
    return np.where(todo, steps / np.where(todo, ceiling, 1.0), np.inf)


@dataclass(frozen=True)
class ShortestJobFirst(go.Policy):
    """Minimise the time of the job that is done first, in seconds."""

    name = "sjf"
    sense = "min"
    summary = "the job that can finish first takes the fastest accelerators, then the next"
    reference = "Gavel, OSDI 2020, section 4.2; see the file for what differs"
    methods = (
        go.Method("lexicographic", _lexicographic, "exact", "shortest job first, then the next among what is left"),
        go.Method("closed_form", _closed_form, "exact", "only the shortest job gets time"),
    )
    generic = False
    shareable = False

    def objective(self, view: go.View) -> Any:
        return view.smallest(view.steps / view.rate, over=view.steps > 0)

    def unit(self, instance: go.Instance) -> str:
        return "s"
