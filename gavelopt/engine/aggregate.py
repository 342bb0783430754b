"""Identical jobs merge exactly.

Jobs with the same rates, use, usable cells, time and utility become one row with multiplicity m: its time budget is m
times theirs, its rate is the sum of theirs. For a concave U some optimum treats equals equally, so

    u_class(r) = u_i(r / m),   weight_class = m weight_i   (a minimum keeps its weight),

and the solution of the class divides by m. Prices are those of the unmerged problem.

For a minimum U = min u_i, u_i = slope_i r_i, jobs that differ in their slopes only can be merged as well: job i needs the
rate z / slope_i, the class the sum of these, and each job's part of the class is its part of the need (``merge_needs``).
Pooling their time is a relaxation; where no job's part exceeds its own time it is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gavelopt.judge.certify import Multipliers
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, IntArray, read_only
from gavelopt.model.space import AllocationSpace, Grid
from gavelopt.model.utility import Utility

COMPILED = 5_000  # jobs from which a compiled pass is worth loading the compiler for
WORTH = 0.9  # merge only when the classes are fewer than this part of the jobs


@dataclass(frozen=True, eq=False)
class Merged:
    """The smaller problem, and the way back.

    member: (J,) class of each job; count: (K,) jobs of each class; first: (K,) one of them; part: (J,) what each job has of
    its class, 1 / count where all are alike.
    """

    space: AllocationSpace
    utility: Utility
    member: IntArray
    count: FloatArray
    first: IntArray
    part: FloatArray

    def like(self, table: FloatArray) -> AllocationSpace:
        """The classes' space with other rates (K, C) for one job of each class."""
        grid = self.space.grid
        assert grid is not None
        return replace(self.space, grid=replace(grid, table=table))

    def expand(self, x: FloatArray) -> FloatArray:
        """x of the classes, shared among their jobs."""
        return np.asarray((x.reshape(len(self.count), -1)[self.member] * self.part[:, None]).ravel())

    def expand_multipliers(self, found: Multipliers) -> Multipliers:
        """Multipliers of the classes as multipliers of the jobs."""

        def spread(values: FloatArray | None) -> FloatArray | None:
            return None if values is None else values[self.member] * self.part

        time = None if found.time is None else found.time[self.member]
        floors = None if found.floors is None else found.floors[self.member]
        return Multipliers(found.prices, spread(found.emphasis), spread(found.at), time, floors)


def merge(
    space: AllocationSpace,
    utility: Utility,
    extra: Sequence[FloatArray] = (),
    *,
    always: bool = False,
    row: IntArray | None = None,
) -> Merged | None:
    """The problem with identical jobs merged, or None where that does not pay (unless ``always``) or columns are shared.

    ``extra``: further (J,) or (J, n) data in which merged jobs must be alike. ``row`` (J,): jobs with the same number and the
    same use have the same rates and usable cells, so that these need not be read.
    """
    grid = space.plain
    jobs = len(space.jobs)
    if grid is None or (jobs < 2 and not always):
        return None
    columns = [
        row.astype(np.float64) if row is not None else _cells(grid),
        grid.use,
        space.time,
        utility.slope,
        utility.offset,
        utility.weight,
        *extra,
    ]
    if utility.saturation is not None:
        columns.append(utility.saturation)
    found = identical_rows(columns, 1.0 if always else WORTH)
    if found is None or (len(found[0]) > WORTH * jobs and not always):
        return None
    first, member = found
    count = np.bincount(member, minlength=len(first)).astype(np.float64)
    weight = utility.weight[first] * (count if np.isfinite(utility.p) else 1.0)
    bend = None if utility.saturation is None else utility.saturation[first] / count
    merged = Utility(
        utility.p, utility.slope[first] / count, utility.offset[first], weight, utility.report, bend, utility.cap
    )
    return Merged(_smaller(space, first, member), merged, member, count, first, (1.0 / count)[member])


def _cells(grid: Grid) -> FloatArray:
    """(J, C) rates, with -1 where a cell is not usable."""
    return grid.table if grid.usable.all() else np.where(grid.usable, grid.table, -1.0)


def merge_needs(space: AllocationSpace, utility: Utility, apart: FloatArray) -> Merged:
    """Jobs that differ in their slopes only, merged; jobs with different numbers ``apart`` (J,) are not.

    For a minimum without offsets and saturation over a plain grid whose active jobs have slopes > 0.
    """
    grid, on = space.plain, utility.active
    assert grid is not None
    found = identical_rows([_cells(grid), grid.use, space.time, on.astype(np.float64), apart])
    assert found is not None
    first, member = found
    need = np.where(on, 1.0 / np.where(on, utility.slope, 1.0), 1.0)
    total = np.bincount(member, weights=need, minlength=len(first))
    count = np.bincount(member, minlength=len(first)).astype(np.float64)
    merged = replace(
        utility,
        slope=np.where(on[first], 1.0 / total, 0.0),
        offset=np.zeros(len(first)),
        weight=on[first].astype(np.float64),
    )
    return Merged(_smaller(space, first, member), merged, member, count, first, need / total[member])


def _smaller(space: AllocationSpace, first: IntArray, member: IntArray) -> AllocationSpace:
    """The space of the classes, which pool their jobs' time."""
    grid = space.plain
    assert grid is not None
    return AllocationSpace.from_grid(
        Labels.numbered("class ", len(first), "class"),
        space.resources,
        space.capacity,
        read_only(grid.table[first]),
        grid.use[first],
        grid.usable[first],
        time=np.bincount(member, weights=space.time, minlength=len(first)).astype(np.float64),
    )


def identical_rows(columns: Sequence[FloatArray], most: float = 1.0) -> tuple[IntArray, IntArray] | None:
    """(first, member): position of each class's first row, and the class of each row. Hashed, then compared exactly.

    columns: (J,) or (J, n) arrays. None where there are clearly more classes than ``most`` times the rows.
    """
    if len(columns[0]) >= COMPILED:
        from gavelopt.engine.prices.rows import classes_of

        return classes_of(columns, most)
    table = np.column_stack(columns)
    bits = np.ascontiguousarray(table + 0.0).view(np.uint64)  # + 0.0 makes -0.0 equal 0.0
    odd = np.random.default_rng(0x6A7E).integers(1, 2**63, size=table.shape[1], dtype=np.uint64) * np.uint64(
        2
    ) + np.uint64(1)
    mixed = bits ^ (bits >> np.uint64(29))
    keys = (mixed * odd).sum(axis=1, dtype=np.uint64)
    _, first, member = np.unique(keys, return_index=True, return_inverse=True)
    if not np.array_equal(bits[first][member], bits):  # two different rows share a hash
        _, first, member = np.unique(table, axis=0, return_index=True, return_inverse=True)
    return first, member.ravel()
