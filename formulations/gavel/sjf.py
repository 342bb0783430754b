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

Fill = list[tuple[int, float]]  # (type, time there)


def _best_fill(fastest: list[int], rates: list[float], free: list[float], scale: float) -> tuple[Fill, float]:
    """The fill of the fastest types within ``free`` accelerators and one unit of time, and its rate.

    In plain numbers: a queue of very many jobs asks for very many fills of very few types.
    """
    fill, left, rate = [], 1.0, 0.0
    for column in fastest:
        if rates[column] <= 0.0 or left <= 0.0:
            break
        part = min(left, free[column] / scale)
        if part > 0.0:
            fill.append((column, part))
            left -= part
            rate += part * rates[column]
    return fill, rate


def _closed_form(problem: go.Problem) -> go.Answer:
    queue = np.argsort(_shortest_times(problem), kind="stable")[:1]
    return _served(problem, queue)


def _lexicographic(problem: go.Problem) -> go.Answer:
    times = _shortest_times(problem)
    return _served(problem, np.flatnonzero(np.isfinite(times)))


def _served(problem: go.Problem, jobs: go.IntArray) -> go.Answer:
    """Of ``jobs`` the one that can finish first among what is left takes its best fill, and so on."""
    instance, steps, times = problem.instance, _steps(problem), _shortest_times(problem)
    rates, scale = instance.rates.tolist(), instance.jobs.scale_factor.tolist()
    fastest = np.argsort(-instance.rates, axis=1, kind="stable").tolist()
    free = instance.cluster.count.tolist()
    x = np.zeros(instance.rates.shape)
    queue = list(zip(times[jobs].tolist(), jobs.tolist(), strict=True))
    heapq.heapify(queue)
    while queue and any(free):
        promised, job = heapq.heappop(queue)
        fill, rate = _best_fill(fastest[job], rates[job], free, scale[job])
        if rate <= 0.0:
            continue
        now = float(steps[job]) / rate
        if queue and now > promised and now > queue[0][0]:
            heapq.heappush(queue, (now, job))
            continue
        for column, part in fill:
            x[job, column] = part
            free[column] = max(free[column] - scale[job] * part, 0.0)
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
