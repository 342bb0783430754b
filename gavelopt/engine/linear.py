"""The linear programs behind p = 1 and p = -inf, normalised before any solver sees them.

    p = 1     maximise  sum_c (w slope)_c R_c x_c
    p = -inf  maximise  z    subject to   u_i(R x) >= z  for every job with weight,  z <= cap
    both      M x <= time,  U x <= capacity,  R_i x >= floor_i,  x >= 0

Utilities are divided by one typical value (the largest U that any single job allows), so that every solver works on
numbers near 1. Columns that serve nobody are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gavelopt.judge.certify import Multipliers
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.constraints import RateFloor, joint_floor
from gavelopt.model.space import AllocationSpace, Sparse
from gavelopt.model.utility import Utility

SMALLEST_FLOOR = 1e-6  # part of a job's ceiling
FLOOR_MARGIN = 2e-9  # of such a floor's unit: twice a solver's tolerance, which would be much of the floor
LARGEST_GAIN = 1e12  # utility of all time, in units of what is needed; beyond it a job needs next to no time anyway
SMALLEST_UNIT = 1e-6  # part of the value at a job's ceiling without its offset


@dataclass(frozen=True, eq=False)
class LinearProgram:
    """maximise cost.v subject to lower <= A v <= upper, 0 <= v (<= top). The last variable is z where p = -inf."""

    cost: FloatArray
    matrix: Sparse
    lower: FloatArray
    upper: FloatArray
    top: FloatArray
    columns: IntArray
    blocks: dict[str, slice]
    epigraph: IntArray
    unit: float  # U = unit * objective
    size: int
    floor_size: FloatArray | float = 1.0

    def decision(self, v: FloatArray) -> FloatArray:
        """(K,) x over all columns of the space."""
        x = np.zeros(self.size)
        x[self.columns] = np.maximum(v[: len(self.columns)], 0.0)
        return x

    def multipliers(self, dual: FloatArray, jobs: int, at: FloatArray) -> Multipliers:
        """The rows' duals (d objective / d right-hand side) as multipliers in units of U."""
        emphasis = None
        if len(self.epigraph):
            emphasis = np.zeros(jobs)
            emphasis[self.epigraph] = np.maximum(-dual[self.blocks["epigraph"]], 0.0)
        floors = None
        if "floor" in self.blocks:
            floors = np.maximum(-dual[self.blocks["floor"]], 0.0) * self.unit / self.floor_size
        return Multipliers(
            np.maximum(dual[self.blocks["capacity"]], 0.0) * self.unit,
            emphasis,
            at,
            np.maximum(dual[self.blocks["time"]], 0.0) * self.unit,
            floors,
        )


def typical(space: AllocationSpace, utility: Utility) -> float:
    """One value of U to divide by: the bottleneck for a minimum, else the largest single contribution."""
    if utility.p == -np.inf:  # an offset that uses up the ceiling leaves rounding, no typical value
        alone = utility.slope * space.ceiling
        u = np.maximum(alone + utility.offset, SMALLEST_UNIT * alone)[utility.active]
        u = u[u > 0]
        return float(min(u.min(), utility.cap)) if u.size else 1.0
    u = (utility.weight * utility.slope * space.ceiling)[utility.active]
    return float(u.max()) if u.size and u.max() > 0 else 1.0


def linear_program(
    space: AllocationSpace, utility: Utility, floors: Sequence[RateFloor] = (), measured: AllocationSpace | None = None
) -> LinearProgram:
    """The program of a utility with p = 1 or p = -inf and no saturation; floors are held at ``measured`` rates."""
    if utility.saturation is not None or utility.p not in (1.0, -np.inf):
        raise ValueError("not a linear program")
    unit = typical(space, utility)
    rate, member, use = space.matrices
    real = (measured or space).matrices[0]
    columns = np.flatnonzero(space.usable & (_serves(rate) | (_serves(real) if floors else False)))
    rate, member, use = rate[:, columns], member[:, columns], use[:, columns]
    jobs = len(space.jobs)
    parts = [member, use]
    lower, upper = [np.full(jobs, -np.inf), np.full(len(space.capacity), -np.inf)], [space.time, space.capacity]
    blocks = {"time": slice(0, jobs), "capacity": slice(jobs, jobs + len(space.capacity))}
    row = jobs + len(space.capacity)
    on = np.zeros(0, dtype=np.int64)
    cost = np.zeros(len(columns))
    floor_size: FloatArray | float = 1.0
    if utility.p == 1.0:
        cost = np.asarray(rate.T @ (utility.weight * utility.slope / unit))
    else:  # slope R x - unit z >= -offset, with z in units of ``unit``; jobs that can reach nothing are the caller's
        on = np.flatnonzero(utility.active & (space.ceiling > 0))
        needed = np.maximum(1.0, -utility.offset[on] / unit)
        parts.append(_capped(_scaled_rows(rate, utility.slope / unit, on), LARGEST_GAIN * needed))
        lower.append(-utility.offset[on] / unit)
        upper.append(np.full(len(on), np.inf))
        blocks["epigraph"] = slice(row, row + len(on))
        row += len(on)
    if floors:
        floor = joint_floor(floors, jobs)
        # in units of the floor, but of no unit so small that a coefficient dwarfs all others
        size = np.maximum(floor, SMALLEST_FLOOR * (measured or space).ceiling)
        floor_size = np.where(size > 0, size, 1.0)
        parts.append(_scaled_rows(real[:, columns], 1.0 / floor_size, np.arange(jobs)))
        margin = np.where(floor < size, FLOOR_MARGIN, 0.0)
        lower.append(np.where(floor > 0, floor / floor_size + margin, -np.inf))
        upper.append(np.full(jobs, np.inf))
        blocks["floor"] = slice(row, row + jobs)
    matrix = sparse.vstack(parts, format="csc")
    top = np.full(len(columns), np.inf)
    if utility.p == -np.inf:
        z = np.zeros(matrix.shape[0])
        z[blocks["epigraph"]] = -1.0
        matrix = sparse.hstack([matrix, sparse.csc_array(z[:, None])], format="csc")
        cost, top = np.append(cost, 1.0), np.append(top, utility.cap / unit)
    rows = np.concatenate(lower), np.concatenate(upper)
    return LinearProgram(cost, matrix, *rows, top, columns, blocks, on, unit, space.size, floor_size)


def _serves(rate: Sparse) -> BoolArray:
    """(K,) columns that give somebody a positive rate."""
    return np.asarray((rate > 0).sum(axis=0)).ravel() > 0


def _scaled_rows(matrix: Sparse, factor: FloatArray, rows: IntArray) -> Sparse:
    return sparse.csr_array(sparse.diags_array(factor) @ matrix)[rows]


def _capped(rows: Sparse, most: FloatArray) -> Sparse:
    """The rows with no entry above that of ``most`` (rows,): whoever gains less than the truth is promised too little."""
    rows.data = np.minimum(rows.data, np.repeat(most, np.diff(rows.indptr)))
    return rows
