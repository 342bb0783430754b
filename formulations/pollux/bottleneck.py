"""p = -inf: make the worst speedup as large as possible (max-min), then the second worst, and so on (leximin).

For finite p below -100 the same plan is taken: with t the smallest of J terms, t <= M_p <= J^(-1/p) t.

    maximise  min_j x_j         level t is within reach  <=>  some plan gives every job an option with x_jo >= t

A level needs few options of a job: of those that reach it only the smallest on one node and the smallest across nodes of each
type (what holds more GPUs also holds fewer), and the row held now. The relaxation of

    maximise  number of jobs that reach t            over the rows of ``structure.py``

falls short of J where t is out of reach, and its duals prove that. So a bisection over the distinct speedups finds the bound;
the integer program is asked at that level, and below it only if it says no.

Leximin: all J jobs reach t_1. As many as possible exceed it, say m_2; the highest level that m_2 jobs can reach while all
reach t_1 is t_2; and so on. Every question is an integer program with a row "at least m_k jobs reach t_k" for each step k.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

import gavelopt as go
from formulations.pollux.board import place
from formulations.pollux.decode import decode
from formulations.pollux.greedy import better, priced_choice
from formulations.pollux.integer import counts_of, solve_integer
from formulations.pollux.master import Master
from formulations.pollux.program import Program, run
from formulations.pollux.question import Question, answer
from formulations.pollux.spreading import Option, add_across, add_fillings, program_over
from formulations.pollux.structure import Structure

SHORT = 1e-6  # a relaxation that serves fewer jobs than all but SHORT proves that the level is out of reach


class Ladder:
    """The distinct speedups of a question, and what it takes to reach each of them."""

    def __init__(self, problem: go.Problem, question: Question) -> None:
        self.problem, self.question = problem, question
        self.structure = Structure(question)
        self.free = ~question.speedups.pinned
        x = np.concatenate([question.speedups.of.ravel(), question.speedups.kept])
        self.levels = np.unique(x[x > 0])
        self.proof = question.gpu_prices(np.ones(len(question.instance.cluster)))
        self._relaxed: dict[int, Master] = {}

    @cached_property
    def ceiling(self) -> int:
        """Levels that the number of GPUs does not exclude."""
        speedups, apart = self.question.speedups, self.question.apart
        return self.up_to(go.elastic.bounds.highest_level(speedups, apart, self.proof))

    def up_to(self, level: float) -> int:
        """How many levels are at most ``level``."""
        return int(np.searchsorted(self.levels, level, side="right"))

    def options(self, level: float) -> tuple[go.FloatArray, go.FloatArray]:
        """(J, C) and (J,): 1 for the options that matter at this level, -inf for others."""
        speedups, ways = self.question.speedups, self.question.speedups.ways
        reach = np.nan_to_num(speedups.of, nan=-np.inf) >= level
        useful = np.full(reach.shape, -np.inf)
        for kind in range(len(self.question.instance.cluster)):
            for spread in (False, True):
                columns = np.flatnonzero((ways.type == kind) & (ways.spread == spread))  # by rising GPUs
                if not len(columns):
                    continue
                rows = np.flatnonzero(reach[:, columns].any(axis=1))
                useful[rows, columns[reach[:, columns].argmax(axis=1)[rows]]] = 1.0
        stays = np.nan_to_num(speedups.kept, nan=-np.inf) >= level
        return useful, np.where(stays & self.free, 1.0, -np.inf)

    def relaxed(self, at: int) -> Master:
        """The relaxation of serving all jobs at level number ``at``."""
        if at not in self._relaxed:
            gain, kept = self.options(float(self.levels[at]))
            master = Master(self.structure, gain, kept, np.zeros(len(kept)))
            size = np.maximum(self.question.instance.cluster.count, 1.0)
            if not master.solve(1.0 / size, self.problem.seconds_left):
                raise go.OutOfTime("the relaxation of a level did not end in time")
            self._relaxed[at] = master
        return self._relaxed[at]

    def possible(self, at: int) -> bool:
        """Whether the relaxation serves all jobs at this level; if not, its duals become the proof."""
        master = self.relaxed(at)
        if master.value >= self.free.sum() - SHORT:
            return True
        self.proof = self.structure.prices(master.dual)
        return False

    def plan_at(self, at: int) -> go.IntArray | None:
        """A plan that gives every job at least this level, or None."""
        if not self.possible(at):
            return None
        plan, _ = solve_integer(self.relaxed(at), SHORT, SHORT, self.problem.seconds_left)
        if plan is None and self.problem.seconds_left == 0.0:
            raise go.OutOfTime("the integer program of a level did not end in time")
        if plan is None or float(self.question.speedups.of_plan(plan).min()) < self.levels[at]:
            return None
        return plan


def max_min(problem: go.Problem, question: Question, lexicographic: bool) -> go.Answer:
    """The plan with the highest least speedup, and the prices that prove it."""
    ladder = Ladder(problem, question)
    plan = start = place(question, priced_choice(question)[1])
    claim = None
    try:
        plan, claim = _raised(ladder, plan)
        if lexicographic:
            plan = leximin(ladder, plan)
        note = "bisection over levels"
    except go.OutOfTime:
        note = "time ran out on the way down the levels"
    if np.isfinite(question.p):
        plan = better(question, start, plan)
        claim = None if claim is None else claim * len(plan) ** (-1.0 / question.p)
    return answer(question, plan, ladder.proof, claimed_bound=claim, notes=(note,))


def _raised(ladder: Ladder, plan: go.IntArray) -> tuple[go.IntArray, float | None]:
    """(plan, bound): the highest least speedup, and what the integer program excludes beyond the relaxation."""
    question = ladder.question
    low = ladder.up_to(float(question.speedups.of_plan(plan).min()))
    bound = last_true(ladder.possible, low, ladder.ceiling)
    found: dict[int, go.IntArray] = {}

    def reached(at: int) -> bool:
        better = ladder.plan_at(at)
        if better is not None:
            found[at] = better
        return better is not None

    if bound <= low or reached(bound - 1):
        return found.get(bound - 1, plan), None
    best = last_true(reached, low, bound - 1)
    return found.get(best - 1, plan), ((float(ladder.levels[best - 1]) if best else 0.0) + question.epsilon) * (
        1.0 + 1e-12
    )


def last_true(test: Callable[[int], bool], low: int, high: int) -> int:
    """The number of levels that pass: those below ``low`` do, those from ``high`` on do not, and passing is monotone."""
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if test(middle) else (low, middle)
    return low


def leximin(ladder: Ladder, plan: go.IntArray) -> go.IntArray:
    """Raise the second worst speedup as far as the worst allows, then the third worst, and so on."""
    x = np.sort(ladder.question.speedups.of_plan(plan)[ladder.free])
    steps: list[tuple[float, int]] = [(float(x[0]), len(x))] if len(x) else []
    while steps and ladder.problem.seconds_left > 0:
        level, _ = steps[-1]
        at = ladder.up_to(level)
        best, number = _most_reaching(ladder, steps, at)
        if best is None or not number:
            break
        wanted = number

        def enough(step: int, wanted: int = wanted) -> bool:
            nonlocal best
            found, reached = _most_reaching(ladder, steps, step)
            if found is not None and reached >= wanted:
                best = found
                return True
            return False

        high = last_true(enough, at + 1, len(ladder.levels))
        plan = best
        steps.append((float(ladder.levels[high - 1]), number))
    return plan


def _most_reaching(ladder: Ladder, steps: list[tuple[float, int]], at: int) -> tuple[go.IntArray | None, int]:
    """(plan, number): as many jobs as possible at level number ``at`` or above, every earlier step respected."""
    if at >= len(ladder.levels):
        return None, 0
    program = _program(ladder, [*steps, (float(ladder.levels[at]), 0)])
    found, _ = run(program, ladder.problem.seconds_left)
    if found is None:
        return None, 0
    plan = decode(ladder.structure, counts_of(program, found[1]))
    return plan, round(found[0])


def _program(ladder: Ladder, steps: list[tuple[float, int]]) -> Program:
    """Maximise the jobs that reach the last level; at least m_k reach t_k."""
    structure, question = ladder.structure, ladder.question
    ways, x = question.speedups.ways, np.nan_to_num(question.speedups.of, nan=-np.inf)
    program = program_over(structure)
    served = [program.row(np.inf, float(number)) for _, number in steps]
    useful = [ladder.options(level) for level, _ in steps]
    across: dict[tuple[int, int], list[Option]] = {}

    def option(job: int, meaning: tuple[Any, ...], speedup: float) -> Option:
        counts = [(row, 1.0) for row, (level, _) in zip(served, steps, strict=True) if speedup >= level]
        return float(speedup >= steps[-1][0]), meaning, [(job, 1.0), *counts]

    for job, way in zip(*np.nonzero(np.max([gain for gain, _ in useful], axis=0) > 0), strict=True):
        kind, gpus = int(ways.type[way]), int(ways.gpus[way])
        cost, meaning, entries = option(int(job), ("option", int(job), int(way)), float(x[job, way]))
        if ways.spread[way]:
            across.setdefault((kind, gpus), []).append((cost, meaning, entries))
        else:
            program.column(cost, 1.0, meaning, [*entries, *structure.demand_entries(kind, (gpus,))])
    for job in np.flatnonzero(np.max([kept for _, kept in useful], axis=0) > 0).tolist():
        cost, meaning, entries = option(job, ("keep", job), float(question.speedups.kept[job]))
        program.column(cost, 1.0, meaning, [*entries, *structure.keep_entries(job)])
    for (kind, gpus), options in across.items():
        add_across(program, structure, kind, gpus, options, np.zeros(structure.size[kind]), 0.0)
    add_fillings(program, structure)
    return program
