"""The linear relaxation of placement, by column generation: placement prices and the bound they prove.

    maximise  sum_j sum_o (u_jo - u_j,idle) x_jo     subject to the rows of ``structure.py``,   x, z >= 0

There are J C options, a distributed one with many decompositions. The program starts with each job's best options at one
price per GPU; then every job adds the options that gain most at the present prices of slots and parts, until none gains.
The row duals then prove the program's value for all options (``elastic_bounds``), in one pass that trusts nobody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import gavelopt as go
from formulations.pollux.board import place
from formulations.pollux.fillings import cheapest_parts
from formulations.pollux.question import IDLE, KEEP, Question
from formulations.pollux.structure import Structure

ROUNDS = 60
ADDED = 2  # options a job adds in one round
LOWEST = -1e9  # utility of what must not happen
GAIN = 1e-10  # smallest reduced gain worth a column


@dataclass(frozen=True)
class Column:
    """One option of one job: a configuration with its parts on nodes, or KEEP."""

    job: int
    way: int
    parts: tuple[int, ...]


@dataclass(eq=False)
class Master:
    """The restricted program; ``gain`` (J, C) and ``kept`` (J,) are utilities over ``base`` (J,), what a job has that gets
    nothing here; -inf where not allowed. dual: (rows,) prices; x: (columns,) the solution; value: its sum of gains."""

    structure: Structure
    gain: go.FloatArray
    kept: go.FloatArray
    base: go.FloatArray
    columns: list[Column] = field(default_factory=list)
    dual: go.FloatArray = field(default_factory=lambda: np.zeros(0))
    x: go.FloatArray = field(default_factory=lambda: np.zeros(0))
    value: float = 0.0
    _seen: set[tuple[int, int, tuple[int, ...]]] = field(default_factory=set)

    def solve(self, start: go.FloatArray, seconds: float) -> bool:
        """Generate columns to the optimum; ``start`` (R,) is a price of a GPU of each type. False when time ran out before
        it: what there is then is feasible, and its duals still prove a bound."""
        import highspy

        deadline = time.perf_counter() + seconds
        self.solver = _solver(highspy, self.structure)
        for job in np.flatnonzero(np.isfinite(self.kept)).tolist():
            self._add([(Column(job, KEEP, ()), self.kept[job])])
        pay, parts = self._from_gpu_prices(start)
        self._add(self._best(pay, parts, np.full(len(self.gain), -np.inf), 2 * ADDED))
        for _ in range(ROUNDS):
            self.solver.run()
            if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                raise go.SolverError(
                    f"HiGHS ended with {self.solver.modelStatusToString(self.solver.getModelStatus())!r}"
                )
            found = self.solver.getSolution()
            self.dual = np.maximum(np.array(found.row_dual), 0.0)
            self.x = np.array(found.col_value)[len(self.structure.supply) :]
            self.value = float(self.solver.getInfo().objective_function_value)
            pay, parts = self.option_prices()
            added = self._best(pay, parts, self.dual[: len(self.gain)] + GAIN, ADDED)
            if not added:
                return True
            if time.perf_counter() >= deadline:
                return False
            self._add(added)
        return False

    def option_prices(self) -> tuple[go.FloatArray, list[list[tuple[int, ...]]]]:
        """(C,) price of each configuration at the present duals, and the parts it falls into, [type][GPUs]."""
        prices = []
        for kind, size in enumerate(self.structure.size):
            slot = self.dual[self.structure.slot[kind]]
            part = self.dual[self.structure.part[kind]]
            prices.append((slot, part if self.structure.question.apart else part[0] * np.arange(1, size + 1)))
        return self._pay(prices)

    def _from_gpu_prices(self, price: go.FloatArray) -> tuple[go.FloatArray, list[list[tuple[int, ...]]]]:
        each = [price[kind] * np.arange(1, size + 1) for kind, size in enumerate(self.structure.size)]
        return self._pay([(one, one) for one in each])

    def _pay(self, prices: list[Any]) -> tuple[go.FloatArray, list[list[tuple[int, ...]]]]:
        ways = self.structure.question.speedups.ways
        pay, parts = np.zeros(len(ways)), []
        for kind, (slot, part) in enumerate(prices):
            one = (ways.type == kind) & ~ways.spread
            many = (ways.type == kind) & ways.spread
            pay[one] = slot[ways.gpus[one] - 1]
            price, found = cheapest_parts(part, int(ways.gpus[many].max(initial=1)))
            pay[many] = price[ways.gpus[many]]
            parts.append(found)
        return pay, parts

    def _best(
        self, pay: go.FloatArray, parts: list[list[tuple[int, ...]]], worth: go.FloatArray, number: int
    ) -> list[tuple[Column, float]]:
        """The ``number`` best new options of each job whose gain after ``pay`` is above ``worth`` (J,)."""
        ways = self.structure.question.speedups.ways
        reduced = self.gain - pay
        number = min(number, reduced.shape[1])
        best = np.argpartition(-reduced, number - 1, axis=1)[:, :number] if number else np.zeros((0, 0), dtype=np.int64)
        found = []
        for job, way in zip(*np.nonzero(np.take_along_axis(reduced, best, axis=1) > worth[:, None]), strict=True):
            at = int(best[job, way])
            kind, gpus = int(ways.type[at]), int(ways.gpus[at])
            fall = parts[kind][gpus] if ways.spread[at] else (gpus,)
            if np.isfinite(self.gain[job, at]) and fall and (int(job), at, fall) not in self._seen:
                found.append((Column(int(job), at, fall), float(self.gain[job, at])))
        return found

    def _add(self, columns: list[tuple[Column, float]]) -> None:
        start: list[int] = []
        index: list[int] = []
        value: list[float] = []
        cost: list[float] = []
        for column, gain in columns:
            self._seen.add((column.job, column.way, column.parts))
            self.columns.append(column)
            start.append(len(index))
            cost.append(gain)
            entries = [(column.job, 1.0), *self.entries(column)]
            index += [row for row, _ in entries]
            value += [amount for _, amount in entries]
        if columns:
            zero, top = np.zeros(len(columns)), np.full(len(columns), np.inf)
            self.solver.addCols(
                len(columns), np.array(cost), zero, top, len(index), np.array(start), np.array(index), np.array(value)
            )

    def rounded(self) -> go.IntArray:
        """(J, N) the plan in which each job has the option it has most of in the relaxation, as far as they fit."""
        choice = np.full(len(self.gain), IDLE, dtype=np.int64)
        most, total = np.zeros(len(self.gain)), np.zeros(len(self.gain))
        parts = {}
        for column, x in zip(self.columns, self.x, strict=False):
            total[column.job] += x
            if x > most[column.job]:
                choice[column.job], parts[column.job], most[column.job] = column.way, column.parts, x
        return place(self.structure.question, np.where(total < 0.5, IDLE, choice), parts)

    def entries(self, column: Column) -> list[tuple[int, float]]:
        """The rows that an option takes from, beside its job's."""
        if column.way == KEEP:
            return self.structure.keep_entries(column.job)
        kind = int(self.structure.question.speedups.ways.type[column.way])
        return self.structure.demand_entries(kind, column.parts)


def master_of(question: Question, plan: go.IntArray) -> Master:
    """The program of a question of which ``plan`` is some answer.

    A job that is idle in a plan as good as that one loses no more than everybody else can gain: below that its idleness
    counts as that loss, so that no power of epsilon swamps the program.
    """
    pinned = question.speedups.pinned
    best = np.max([question.utility.max(axis=1, initial=-np.inf), question.kept, question.idle], axis=0)
    worth = float(question.worth(question.speedups.of_plan(plan)).sum())
    floor = max(worth - float(best.sum()) - 1.0, LOWEST) + np.maximum(best, LOWEST)
    base = np.where(pinned, question.kept, np.maximum(question.idle, floor))
    kept = np.where(pinned, -np.inf, question.kept)
    return Master(Structure(question), question.utility - base[:, None], kept - base, base)


def _solver(highspy: Any, structure: Structure) -> Any:
    """HiGHS with the rows and the supply columns."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.changeObjectiveSense(highspy.ObjSense.kMaximize)
    limit = np.array(structure.limit)
    empty = np.zeros(0)
    solver.addRows(
        len(limit),
        np.full(len(limit), -np.inf),
        limit,
        0,
        np.zeros(len(limit), dtype=np.int32),
        empty.astype(np.int32),
        empty,
    )
    start: list[int] = []
    index: list[int] = []
    value: list[float] = []
    for at, filling in structure.supply:
        start.append(len(index))
        entries = structure.supply_entries(at, filling)
        index += [row for row, _ in entries]
        value += [amount for _, amount in entries]
    number = len(start)
    solver.addCols(
        number,
        np.zeros(number),
        np.zeros(number),
        np.full(number, np.inf),
        len(index),
        np.array(start),
        np.array(index),
        np.array(value),
    )
    return solver
