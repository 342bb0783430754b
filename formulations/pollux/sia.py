"""Sia's integer program: few configurations, chosen for the whole cluster at once.

    maximise    sum_j sum_c u_jc A_jc + sum_j u_j,idle (1 - sum_c A_jc)
    subject to  sum_c A_jc <= 1,   sum_j sum_c K_c A_jc <= G_type         A binary
    over        1, 2, 4, ... R GPUs of one node, or 2, 3, ... N whole nodes, of each type

For R a power of two every such choice can be placed (powers of two share nodes, whole nodes are whole), so no placement
rows are needed. The row that a job holds now is one more option, without the restart factor.

``idle_cost``  what a job without GPUs costs, in units of t^p of the worst allocated one (Sia's lambda = 1.1 at p < 0); None
               for the policy's own epsilon. ``scale_up``  a job may at most multiply its GPUs by this (Sia: 2), and starts
               with its smallest configuration; None for no such limit.
Kinds of jobs are limits on the job: rigid (min_replicas = max_replicas), strong scaling (min_batch_size = max_batch_size),
pipeline (gpus_per_replica), not to be moved (preemptible = False). Sia itself is p = -0.5, base "least", idle_cost 1.1.
Differs from its code: utilities are not rounded to two decimals, and configurations a job cannot use are left out.

Reference: Jayaram Subramanya et al., Sia, SOSP 2023, section 3.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import gavelopt as go
from formulations.pollux.board import place
from formulations.pollux.greedy import priced_choice
from formulations.pollux.program import Program, run
from formulations.pollux.question import IDLE, KEEP, Question, answer

SOFT = (
    -20.0
)  # steeper powers are beyond what a solver of floating-point programs can add; they are planned with this one
GAP = 1e-6  # relative gap of the integer program (Sia's code: 1e-4)


def sia(problem: go.Problem, idle_cost: float | None = None, scale_up: float | None = None) -> go.Answer:
    """The best choice among Sia's configurations, placed."""
    question = Question.of(problem)
    softer = replace(question, p=max(question.p, SOFT))
    allowed = configuration_set(softer)[None, :] & np.isfinite(softer.utility)
    allowed &= within_scale_up(softer, scale_up)
    choice = _solve(softer, allowed, _idle(softer, allowed, idle_cost), problem.seconds_left)
    price, _ = priced_choice(question)
    return answer(question, place(question, choice), question.gpu_prices(price))


def configuration_set(question: Question) -> go.BoolArray:
    """(C,) powers of two on one node, and whole nodes."""
    ways, size = question.speedups.ways, question.instance.gpus_per_node[question.speedups.ways.type]
    powers = (ways.gpus & (ways.gpus - 1)) == 0
    return np.asarray(np.where(ways.spread, (ways.gpus % size == 0) & (ways.gpus > size), powers))


def within_scale_up(question: Question, factor: float | None) -> go.BoolArray:
    """(J, C) configurations with at most ``factor`` times the GPUs held now; the smallest for jobs that hold none."""
    ways = question.speedups.ways
    if factor is None:
        return np.ones(question.utility.shape, dtype=bool)
    usable = configuration_set(question)[None, :] & np.isfinite(question.utility)
    smallest = np.where(usable, ways.gpus[None, :], np.iinfo(np.int64).max).min(axis=1, initial=np.iinfo(np.int64).max)
    held = question.present.sum(axis=1)
    return np.asarray(ways.gpus[None, :] <= np.where(held > 0, held * factor, smallest)[:, None])


def _idle(question: Question, allowed: go.BoolArray, cost: float | None) -> go.FloatArray:
    """(J,) utility of getting nothing; never lower than a loss of everything that all jobs could differ by."""
    worst = np.where(allowed, question.utility, np.inf).min(axis=1, initial=np.inf)
    best = np.where(allowed, question.utility, -np.inf).max(axis=1, initial=-np.inf)
    runs = np.isfinite(worst)
    idle = question.idle
    if cost is not None and np.isfinite(question.p) and question.p != 0:
        power = 1.0 + question.p * worst  # t^p of the worst configuration
        idle = np.where(runs, (cost * power - 1.0) / question.p, idle)
    spread = np.where(runs, best - worst, 0.0).sum() + 1.0
    return np.where(runs, np.maximum(idle, best - spread), np.where(np.isfinite(idle), idle, 0.0))


def _solve(question: Question, allowed: go.BoolArray, idle: go.FloatArray, seconds: float) -> go.IntArray:
    """(J,) the choice of the integer program."""
    instance, ways = question.instance, question.speedups.ways
    pinned = question.speedups.pinned
    used = (question.present * pinned[:, None]).sum(axis=0)
    room = np.bincount(instance.node_type, weights=instance.node_gpus - used, minlength=len(instance.cluster))
    jobs = len(instance.jobs)
    program = Program([1.0] * jobs + room.tolist(), [-np.inf] * (jobs + len(room)))
    for job, way in zip(*np.nonzero(allowed), strict=True):
        gain = float(question.utility[job, way] - idle[job])
        entries = [(int(job), 1.0), (jobs + int(ways.type[way]), float(ways.gpus[way]))]
        program.column(gain, 1.0, ("option", int(job), int(way)), entries)
    for job in np.flatnonzero(np.isfinite(question.kept) & ~pinned).tolist():
        row = question.present[job]
        entries = [(job, 1.0), (jobs + int(instance.node_type[row.argmax()]), float(row.sum()))]
        program.column(float(question.kept[job] - idle[job]), 1.0, ("keep", job), entries)
    choice = np.full(jobs, IDLE, dtype=np.int64)
    if program.cost:
        found, _ = run(program, seconds, GAP)
        if found is None:
            raise go.OutOfTime("HiGHS found no choice within the time limit")
        for meaning, value in zip(program.meaning, found[1], strict=True):
            if value > 0.5:
                choice[meaning[1]] = KEEP if meaning[0] == "keep" else meaning[2]
    return choice
