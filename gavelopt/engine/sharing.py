"""Space sharing, exactly: pair columns are listed only as they pay.

2,048 jobs have two million pairs on every type. Identical jobs are merged first, so a column is a pair of classes; if the
class pairs are few they are all listed, otherwise they are generated: solve with the columns so far, take the marginal
worth g of rates, the prices y of types and w of time, and list for every class its best pairs with

    g_a rate_a + g_b rate_b - s y - w_a - w_b  > 0

until what all unlisted pairs together could add is below the tolerance. The class columns are then dealt out to jobs
(dealing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gavelopt.engine.aggregate import Merged, merge
from gavelopt.engine.dealing import Pairs, dealt
from gavelopt.engine.forms import Found, Task, solve_form
from gavelopt.engine.problem import Answer
from gavelopt.judge.certify import majorant
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.constraints import RateFloor
from gavelopt.model.sharing import PairFamily
from gavelopt.model.space import AllocationSpace, Shared
from gavelopt.model.utility import Utility

LIST_ALL = 12000  # class pairs up to this number are all listed at once
PER_CLASS = 4  # columns that one class may bring in a round
ROUNDS = 100


@dataclass(frozen=True, eq=False)
class ClassPairs:
    """Class pairs as columns: entry (N,) of the family, first and second class (N,)."""

    entry: IntArray
    first: IntArray
    second: IntArray

    def __len__(self) -> int:
        return len(self.entry)

    def join(self, other: ClassPairs) -> ClassPairs:
        """Both, each column once."""
        both = np.column_stack([np.append(getattr(self, n), getattr(other, n)) for n in ("entry", "first", "second")])
        columns = np.unique(both, axis=0)
        return ClassPairs(columns[:, 0], columns[:, 1], columns[:, 2])


class Classes:
    """A task's jobs merged into classes, with the class pairs listed so far (none where nothing may be shared)."""

    def __init__(self, task: Task, merged: Merged) -> None:
        self.task, self.merged, self.family = task, merged, task.space.family
        family = self.family
        self.possible = [] if family is None else _possible(family, family.kind[merged.first], merged.count)
        self.all_listed = sum(len(a) * len(b) for a, b in self.possible) <= LIST_ALL
        self.columns = _all_pairs(self.possible, merged.count) if self.all_listed else _nothing()
        self.rounds = 0

    @property
    def space(self) -> AllocationSpace:
        """The classes' space with the pairs listed so far."""
        return self.merged.space if self.family is None else _listed(self.merged.space, self.family, self.columns)

    @property
    def measured(self) -> AllocationSpace:
        """The same columns with the rates that floors are held against."""
        real = self.task.measured
        if real is None or real.grid is None:
            return self.space
        singles = self.merged.like(real.grid.table[self.merged.first])
        return singles if real.family is None else _listed(singles, real.family, self.columns)

    def solve(self, form: Utility, floors: Sequence[RateFloor] = (), solver: str = "auto") -> Found:
        """Solve over all pairs, listed or not: list those that pay until the rest can add nothing."""
        for rounds_left in reversed(range(ROUNDS)):
            self.rounds += 1
            found = solve_form(
                replace(self.task, space=self.space, form=form, floors=floors, measured=self.measured), solver
            )
            if self.all_listed or self.family is None or not rounds_left:
                break
            more, could_add = self.pairs_that_pay(form, found)
            value = abs(form.value(self.space.rate(found.x)))
            if not len(more) or could_add <= 0.01 * self.task.tolerance * value or self.task.seconds_left == 0.0:
                break
            self.columns = self.columns.join(more)
        return found

    def pairs_that_pay(self, form: Utility, found: Found) -> tuple[ClassPairs, float]:
        """The best unlisted pairs of every class, and a bound on what all unlisted pairs could add to U."""
        family, proof = self.family, found.multipliers
        tangent = majorant(form, proof, self.merged.space.ceiling)
        if tangent is None or proof.prices is None or family is None:
            return _nothing(), 0.0
        gradient = tangent[1]
        real = self.task.measured.family if self.task.measured is not None and proof.floors is not None else None
        held = np.zeros_like(gradient) if proof.floors is None else proof.floors
        hours = np.zeros_like(gradient) if proof.time is None else proof.time
        best = np.zeros(len(gradient))
        picks: list[tuple[float, int, int, int]] = []
        for entry, (a, b) in enumerate(self.possible):
            actual = (real or family).rates[entry]
            left = gradient[a] * family.rates[entry, 0] + held[a] * actual[0] - hours[a]
            right = gradient[b] * family.rates[entry, 1] + held[b] * actual[1] - hours[b]
            gain = left[:, None] + right[None, :] - family.use[entry] * proof.prices[family.resource[entry]]
            gain[(a[:, None] == b[None, :]) & (self.merged.count[a] < 2)[:, None]] = -np.inf
            at = gain.argmax(axis=1)
            top = gain[np.arange(len(a)), at]
            np.maximum.at(best, a, top)
            picks += [(float(t), entry, int(c), int(b[k])) for t, c, k in zip(top, a, at, strict=True) if t > 0.0]
        return _few_per_class(picks), float(best @ self.merged.space.time)

    def dealt(self, x: FloatArray) -> tuple[FloatArray, Pairs | None]:
        """x of the classes as x of the jobs, with the job pairs that carry it."""
        return dealt(self.merged, self.columns.entry, self.columns.first, self.columns.second, x)

    def notes(self) -> list[str]:
        """What was merged and listed."""
        words = [f"{len(self.task.space.jobs)} jobs in {len(self.merged.count)} classes"]
        if self.family is not None:
            words.append(
                f"{self.family.columns} of {self.family.considered} pair columns can help; "
                f"{len(self.columns)} listed by class, {self.rounds} round(s)"
            )
        return words


def alike(task: Task, extra: Sequence[FloatArray] = ()) -> Merged:
    """Identical jobs merged, of one kind where the space has kinds; ``extra`` as in ``merge``."""
    family = task.space.family
    data = [*extra] if family is None else [*extra, family.kind.astype(np.float64)]
    merged = merge(replace(task.space, family=None), task.form, data, always=True)
    assert merged is not None
    return merged


def generated(task: Task, solver: str) -> Answer:
    """Solve a task whose space has a family of pairs, over its identical jobs merged."""
    merged = alike(task, [floor.floor for floor in task.floors])
    classes = Classes(task, merged)
    floors = [RateFloor(floor.name, floor.floor[merged.first] * merged.count) for floor in task.floors]
    found = classes.solve(merged.utility, floors, solver)
    x, pairs = classes.dealt(found.x)
    notes = (f"solved by {found.how}", *classes.notes())
    return Answer(x, merged.expand_multipliers(found.multipliers), pairs=pairs, notes=notes)


def _few_per_class(picks: list[tuple[float, int, int, int]]) -> ClassPairs:
    """The best of (gain, entry, first, second), PER_CLASS for each class."""
    taken: dict[int, int] = {}
    chosen = []
    for _, entry, c, d in sorted(picks, reverse=True):
        if min(taken.get(c, 0), taken.get(d, 0)) < PER_CLASS:
            chosen.append((entry, c, d))
            taken[c], taken[d] = taken.get(c, 0) + 1, taken.get(d, 0) + 1
    if not chosen:
        return _nothing()
    columns = np.array(chosen, dtype=np.int64)
    return ClassPairs(columns[:, 0], columns[:, 1], columns[:, 2])


def _nothing() -> ClassPairs:
    none = np.zeros(0, dtype=np.int64)
    return ClassPairs(none, none, none)


def _possible(family: PairFamily, kind: IntArray, count: FloatArray) -> list[tuple[IntArray, IntArray]]:
    """For each entry the classes of its first and its second kind."""
    order = np.argsort(kind, kind="stable")
    ends = np.cumsum(np.bincount(kind, minlength=len(family.jobs_of_kind)))
    classes = np.split(order, ends[:-1])
    return [(classes[a], classes[b]) for a, b in family.members.tolist()]


def _all_pairs(possible: list[tuple[IntArray, IntArray]], count: FloatArray) -> ClassPairs:
    """Every class pair; a class of one job is never paired with itself."""
    entry = np.repeat(np.arange(len(possible)), [len(a) * len(b) for a, b in possible])
    first = np.concatenate([np.repeat(a, len(b)) for a, b in possible]) if possible else entry
    second = np.concatenate([np.tile(b, len(a)) for a, b in possible]) if possible else entry
    real = (first != second) | (count[first] > 1) if len(entry) else np.zeros(0, dtype=bool)
    return ClassPairs(entry[real], first[real], second[real])


def _listed(space: AllocationSpace, family: PairFamily, columns: ClassPairs) -> AllocationSpace:
    """The classes' space with the listed pairs."""
    if not len(columns):
        return space
    chosen = Shared(
        np.column_stack([columns.first, columns.second]),
        family.resource[columns.entry],
        family.rates[columns.entry],
        family.use[columns.entry],
    )
    return replace(space, shared=chosen)
