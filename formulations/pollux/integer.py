"""The integer program of placement, over the options that can still matter.

At the optimal duals of the relaxation (``master.py``) every option of job j has a loss  w_j - (u_jo - pay_o) >= 0. A plan that
uses an option of loss l is worth at most the relaxation less l. So the program is solved over the options of loss <= reach
only; if its value is within ``reach`` of the relaxation nothing outside can be better, and otherwise reach grows.

    maximise  sum_j sum_o (u_jo - w_j) x_jo        (w_j only where w_j > reach: those jobs cannot get nothing)
    subject to the rows of ``structure.py``, with one row more for each number of GPUs across nodes
               sum_j x_(j, K across) <= sum_d y_Kd                  y_Kd jobs of K GPUs that fall into the parts d
               x binary, y and z whole

y does not know whose parts they are: jobs of the same K exchange them freely.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

import gavelopt as go
from formulations.pollux.decode import Counts, decode
from formulations.pollux.fillings import decompositions
from formulations.pollux.master import Master
from formulations.pollux.question import KEEP
from formulations.pollux.structure import Structure

GROWTH = 4.0
ROUNDING = 1e-9  # loss that arithmetic alone can show


@dataclass(eq=False)
class Program:
    """Columns in triplets; every column has a cost, an upper bound and a meaning.

    spans, offers: {(type, f): row}, see ``add_spans``; empty where distributed jobs keep apart.
    """

    rows: list[float]
    lower: list[float]
    cost: list[float] = field(default_factory=list)
    top: list[float] = field(default_factory=list)
    meaning: list[tuple[Any, ...]] = field(default_factory=list)
    entries: list[tuple[int, int, float]] = field(default_factory=list)
    spans: dict[tuple[int, int], int] = field(default_factory=dict)
    offers: dict[tuple[int, int], int] = field(default_factory=dict)

    @classmethod
    def over(cls, structure: Structure) -> Program:
        """The rows of a structure, without columns."""
        program = cls(list(structure.limit), [-np.inf] * len(structure.limit))
        if not structure.question.apart:
            add_spans(program, structure)
        return program

    def column(self, cost: float, top: float, meaning: tuple[Any, ...], entries: Sequence[tuple[int, float]]) -> None:
        """Add a column."""
        at = len(self.cost)
        self.cost.append(cost)
        self.top.append(top)
        self.meaning.append(meaning)
        self.entries += [(row, at, value) for row, value in entries]

    def row(self, limit: float, lower: float = -np.inf) -> int:
        """Add a row ``lower <= . <= limit``."""
        self.rows.append(limit)
        self.lower.append(lower)
        return len(self.rows) - 1


def solve_integer(master: Master, reach: float, most: float, seconds: float) -> tuple[go.IntArray | None, float]:
    """(plan, bound): an optimal plan over all options, and a bound on the sum of gains.

    reach: loss up to which options are looked at first; most: a loss that some known plan attains in all, so that options
    beyond it cannot be part of a better one. The plan is None where time ran out, or where that known plan is best.
    """
    deadline = time.perf_counter() + seconds
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
    program = Program.over(structure)
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
    """Columns of the configurations, and of the decompositions of those across nodes."""
    structure = master.structure
    ways = structure.question.speedups.ways
    needs: dict[tuple[int, int], tuple[int, float]] = {}  # (type, GPUs) -> row, least loss
    for job, way in zip(*np.nonzero(loss <= reach + ROUNDING), strict=True):
        kind, gpus = int(ways.type[way]), int(ways.gpus[way])
        if ways.spread[way]:
            row, least = needs.get((kind, gpus)) or (program.row(0.0), np.inf)
            needs[kind, gpus] = (row, min(least, float(loss[job, way])))
            entries = [(row, 1.0)]
        else:
            entries = structure.demand_entries(kind, (gpus,))
        cost = float(master.gain[job, way] - served[job])
        program.column(cost, 1.0, ("option", int(job), int(way)), [(int(job), 1.0), *entries])
    for (kind, gpus), (row, least) in needs.items():
        price = master.dual[structure.part[kind]]
        add_parts(program, structure, kind, gpus, row, price, reach - least + ROUNDING)


def add_parts(
    program: Program, structure: Structure, kind: int, gpus: int, row: int, price: go.FloatArray, slack: float
) -> None:
    """Columns for jobs of ``gpus`` GPUs across nodes (counted in ``row``): decompositions within ``slack`` of the cheapest."""
    size = structure.size[kind]
    if structure.question.apart:
        free = {c.capacity for c in structure.classes if c.kind == kind and c.open}
        held = any(c.held for c in structure.classes if c.kind == kind)
        whole = frozenset(range(1, size + 1)) if held else frozenset(free | {size})
        least = float(go.elastic_bounds.price_across(price, gpus)[0][gpus])
        choices = list(decompositions(gpus, whole, price, least + slack))
    else:
        choices = [(1,) * gpus]  # parts are counted in GPUs: any decomposition stands for all
    spans = [(at, -1.0) for (k, _), at in program.spans.items() if k == kind]
    for parts in choices:
        demand = structure.demand_entries(kind, parts)
        program.column(0.0, float(structure.jobs), ("parts", kind, gpus, parts), [(row, -1.0), *demand, *spans])


def add_fillings(program: Program, structure: Structure) -> None:
    """Columns for what the nodes of each class may hold."""
    for at, filling in structure.supply:
        c = structure.classes[at]
        entries = structure.supply_entries(at, filling)
        entries += [(row, float(filling.part)) for (k, _), row in program.spans.items() if k == c.kind]
        if (c.kind, filling.part) in program.offers:
            entries.append((program.offers[c.kind, filling.part], 1.0))
        program.column(0.0, float(len(c.nodes)), ("filling", at, filling), entries)


def add_spans(program: Program, structure: Structure) -> None:
    """Where distributed jobs share nodes: every one of them finds a GPU outside any single node.

    With b_f = 1 if some node of the type leaves them f GPUs:  (GPUs left on all nodes) - f >= number of distributed jobs.
    That and enough GPUs in all is what it takes to put each of them on two nodes at least (max-flow, min-cut).
    """
    for kind, size in enumerate(structure.size):
        much = float(structure.jobs + size)
        nodes = float(sum(len(c.nodes) for c in structure.classes if c.kind == kind))
        for f in range(1, size + 1):
            program.spans[kind, f] = program.row(np.inf, f - much)
            program.offers[kind, f] = program.row(0.0)
            program.column(
                0.0, 1.0, ("offers", kind, f), [(program.spans[kind, f], -much), (program.offers[kind, f], -nodes)]
            )


def run(program: Program, seconds: float, gap: float = 0.0) -> tuple[tuple[float, go.FloatArray] | None, float]:
    """((value, columns) or None, upper bound on the value) from HiGHS."""
    import highspy

    if seconds <= 0:
        return None, np.inf
    solver = highspy.Highs()
    options = {
        "output_flag": False,
        "threads": 1,
        "mip_rel_gap": gap,
        "mip_abs_gap": 1e-9,
        "time_limit": min(seconds, 1e9),
    }
    for option, value in options.items():
        solver.setOptionValue(option, value)
    solver.passModel(_model(highspy, program))
    solver.run()
    info, status = solver.getInfo(), solver.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        return None, -np.inf
    solution = solver.getSolution()
    if info.primal_solution_status != 2:  # no feasible point
        return None, float(info.mip_dual_bound)
    return (float(info.objective_function_value), np.array(solution.col_value)), float(info.mip_dual_bound)


def _model(highspy: Any, program: Program) -> Any:
    row, column, value = (np.array(part) for part in zip(*program.entries, strict=True))
    matrix = sparse.csc_array((value, (row, column)), shape=(len(program.rows), len(program.cost)))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(program.cost), len(program.rows)
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_, model.col_lower_, model.col_upper_ = (
        np.array(program.cost),
        np.zeros(len(program.cost)),
        np.array(program.top),
    )
    model.row_lower_, model.row_upper_ = np.array(program.lower), np.array(program.rows)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    model.integrality_ = [highspy.HighsVarType.kInteger] * len(program.cost)
    return model


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
        elif meaning[0] == "parts":
            counts.parts.setdefault((meaning[1], meaning[2]), []).extend([meaning[3]] * value)
    return counts
