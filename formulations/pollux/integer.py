"""The integer program of placement, over the options that can still matter.

At the optimal duals of the relaxation (``master.py``) every option of job j has a loss  w_j - (u_jo - pay_o) >= 0. A plan that
uses an option of loss l is worth at most the relaxation less l. So the program is solved over the options of loss <= reach
only; if its value is within ``reach`` of the relaxation nothing outside can be better, and otherwise reach grows.

    maximise  sum_j sum_o (u_jo - w_j) x_jo        (w_j only where w_j > reach: those jobs cannot get nothing)
    subject to the rows of ``structure.py`` and those of ``spreading.py`` for jobs across nodes; x, z whole
"""

from __future__ import annotations

import time

import numpy as np

import gavelopt as go
from formulations.pollux.decode import Counts, decode
from formulations.pollux.master import Master
from formulations.pollux.program import Program, run
from formulations.pollux.question import KEEP
from formulations.pollux.spreading import Option, add_across, add_fillings, program_over

GROWTH = 4.0
PATIENCE_S = 120.0  # where nobody set a time limit; what is left open then is told by the bound
ROUNDING = 1e-9  # loss that arithmetic alone can show


def solve_integer(master: Master, reach: float, most: float, seconds: float) -> tuple[go.IntArray | None, float]:
    """(plan, bound): an optimal plan over all options, and a bound on the sum of gains.

    reach: loss up to which options are looked at first; most: a loss that some known plan attains in all, so that options
    beyond it cannot be part of a better one. The plan is None where time ran out, or where that known plan is best.
    """
    deadline = time.perf_counter() + (seconds if np.isfinite(seconds) else PATIENCE_S)
    plan: go.IntArray | None = None
    value, bound = -np.inf, master.value
    while True:
        reach = min(reach, most)
        served = np.where(master.dual[: len(master.gain)] > reach, master.dual[: len(master.gain)], 0.0)
        program = build(master, reach, served)
        found, ceiling = run(program, deadline - time.perf_counter())
        bound = min(bound, max(ceiling + float(served.sum()), master.value - reach))
        if found is not None and found[0] + float(served.sum()) > value:
            value = found[0] + float(served.sum())
            plan = decode(master.structure, counts_of(program, found[1]))
        if master.value - value <= reach or reach >= most or time.perf_counter() >= deadline:
            return plan, bound
        reach *= GROWTH


def build(master: Master, reach: float, served: go.FloatArray) -> Program:
    """The program over the options of loss <= reach. served: (J,) w_j of the jobs that must get something, 0 for others."""
    structure = master.structure
    worth = master.dual[: len(master.gain)]
    pay, _ = master.option_prices()
    loss = worth[:, None] - (master.gain - pay)
    program = program_over(structure)
    for job in np.flatnonzero(served > 0).tolist():
        program.lower[job] = 1.0
    _options(program, master, loss, reach, served)
    for job in np.flatnonzero(np.isfinite(master.kept)).tolist():
        entries = structure.keep_entries(job)
        paid = sum(master.dual[row] * amount for row, amount in entries)
        if worth[job] - (master.kept[job] - paid) <= reach:
            program.column(float(master.kept[job] - served[job]), 1.0, ("keep", job), [(job, 1.0), *entries])
    add_fillings(program, structure)
    return program


def _options(program: Program, master: Master, loss: go.FloatArray, reach: float, served: go.FloatArray) -> None:
    """Columns of the configurations of loss <= reach."""
    structure = master.structure
    ways = structure.question.speedups.ways
    across: dict[tuple[int, int], list[Option]] = {}
    least: dict[tuple[int, int], float] = {}
    for job, way in zip(*np.nonzero(loss <= reach + ROUNDING), strict=True):
        kind, gpus = int(ways.type[way]), int(ways.gpus[way])
        cost, meaning = float(master.gain[job, way] - served[job]), ("option", int(job), int(way))
        if ways.spread[way]:
            across.setdefault((kind, gpus), []).append((cost, meaning, [(int(job), 1.0)]))
            least[kind, gpus] = min(least.get((kind, gpus), np.inf), float(loss[job, way]))
        else:
            program.column(cost, 1.0, meaning, [(int(job), 1.0), *structure.demand_entries(kind, (gpus,))])
    for (kind, gpus), options in across.items():
        price = master.dual[structure.part[kind]]
        add_across(program, structure, kind, gpus, options, price, reach - least[kind, gpus] + ROUNDING)


def counts_of(program: Program, columns: go.FloatArray) -> Counts:
    """What the chosen columns mean."""
    counts = Counts()
    for meaning, value in zip(program.meaning, np.rint(columns).astype(int).tolist(), strict=True):
        if not value:
            continue
        if meaning[0] == "option":
            counts.chosen[meaning[1]] = meaning[2]
        elif meaning[0] == "keep":
            counts.chosen[meaning[1]] = KEEP
        elif meaning[0] == "filling":
            counts.fillings += [(meaning[1], meaning[2])] * value
        elif meaning[0] == "own":
            counts.own.setdefault(meaning[1], []).extend([meaning[2]] * value)
        elif meaning[0] == "parts":
            counts.parts.setdefault((meaning[1], meaning[2]), []).extend([meaning[3]] * value)
    return counts
