"""Minima over pairs of jobs: jobs of one kind are merged whatever they need, and taken apart where that was too generous.

A minimum min_i slope_i r_i >= z needs the rate z / slope_i of job i. Jobs of one kind differ in nothing else, so they are
one class that needs the sum (aggregate.py): a small program whatever the number of jobs. Its answer is dealt out in
proportion to need. That fails only for a job whose part takes more time than it has, or more than half of the pairs of
its kind with itself; such jobs become classes of their own and the program is solved again. Every program is a relaxation
of the next, so the first answer that can be dealt out is optimal. Few jobs are ever taken apart: those bound by their time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gavelopt.engine.aggregate import Merged, merge_needs
from gavelopt.engine.forms import Task
from gavelopt.engine.levels import Reached, highest_level, levels_rise
from gavelopt.engine.problem import Answer
from gavelopt.engine.sharing import Classes, generated
from gavelopt.model.arrays import BoolArray, FloatArray
from gavelopt.model.utility import Utility

SPLITS = 40
LATE = 1e-9  # by how much a job's time may be exceeded


def exact_shared(task: Task, solver: str) -> Answer:
    """Solve a task whose space has a family of pairs."""
    form = task.form
    if form.p != -np.inf or task.floors or (form.offset != 0).any() or (form.slope[form.active] <= 0).any():
        return generated(task, solver)
    needs = Needs(replace(task, measured=None), solver)
    if form.saturation is None or not levels_rise(task.space, form):
        return needs.solve(replace(form, saturation=None))

    def solve(flat: Utility) -> Reached[Answer]:
        answer = needs.solve(flat)
        assert answer.multipliers is not None
        return Reached(answer.columns(task.space).rate(answer.x), answer.multipliers, answer)

    reached, proof, rounds = highest_level(task, solve)
    return replace(reached.answer, multipliers=proof, notes=(*reached.answer.notes, f"{rounds} level(s)"))


class Needs:
    """Minima over one space of pairs, one after the other; jobs once taken apart stay so."""

    def __init__(self, task: Task, solver: str) -> None:
        self.task, self.solver = task, solver
        self.apart = np.zeros(len(task.space.jobs))

    def solve(self, form: Utility) -> Answer:
        """The largest minimum of ``form`` (no offsets, no saturation)."""
        space, family = self.task.space, self.task.space.family
        assert family is not None
        for _ in range(SPLITS):
            merged = merge_needs(replace(space, family=None), form, np.column_stack([family.kind, self.apart]))
            classes = Classes(self.task, merged)
            found = classes.solve(merged.utility, (), self.solver)
            late = _late(merged, classes, found.x)
            if not late.any():
                x, pairs = classes.dealt(found.x)
                notes = (f"solved by {found.how}", *classes.notes())
                return Answer(x, merged.expand_multipliers(found.multipliers), pairs=pairs, notes=notes)
            self._take_apart(late, merged.part)
        return generated(replace(self.task, form=form), self.solver)

    def _take_apart(self, late: BoolArray, part: FloatArray) -> None:
        """New numbers for the jobs that are late, the same for jobs of the same need."""
        _, number = np.unique(part[late], return_inverse=True)
        self.apart[late] = self.apart.max() + 1.0 + number.ravel()


def _late(merged: Merged, classes: Classes, x: FloatArray) -> BoolArray:
    """(J,) jobs that cannot have their part of the classes' answer."""
    time = classes.space.share(x)[merged.member] * merged.part
    late = time > classes.task.space.time * (1.0 + LATE)
    columns = classes.columns
    shared = x[len(x) - len(columns) :] if len(columns) else x[:0]
    alone = np.zeros(len(merged.count), dtype=bool)
    alone[columns.first[(columns.first == columns.second) & (shared > 0.0)]] = True
    return np.asarray(late | (alone[merged.member] & (merged.part > 0.5 + LATE)))
