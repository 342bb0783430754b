"""The allocation in compact form: two types and one share a job, written out job by job only where that is asked for.

    x_i = (1 - share_i) e_{a_i} + share_i e_{b_i}      R stands for idle; times the job's time budget

A few jobs (those that the exact finish split otherwise) have rows of their own; ``cut`` divides the columns so that every
capacity holds to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit

from gavelopt.engine.prices.block import COMPILED, NO_FLOATS, NO_ROWS
from gavelopt.engine.prices.market import WORTH_THREADS, TypeArray, in_parts
from gavelopt.model.arrays import FloatArray, IntArray

NO_TYPES = np.zeros(0, dtype=np.int8)


@dataclass(frozen=True, eq=False)
class Plan:
    """a, b (K,) types; share (K,) of b (b and share empty: all in a); rows (n,) with shares (n, R) of their own; cut (R,)."""

    a: TypeArray
    b: TypeArray = field(default_factory=lambda: NO_TYPES)
    share: FloatArray = field(default_factory=lambda: NO_FLOATS)
    rows: IntArray = field(default_factory=lambda: NO_ROWS)
    own: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    cut: FloatArray = field(default_factory=lambda: NO_FLOATS)

    @property
    def nbytes(self) -> int:
        """Bytes it holds."""
        return sum(part.nbytes for part in (self.a, self.b, self.share, self.rows, self.own, self.cut))

    def dense(self, time: FloatArray, types: int, member: IntArray = NO_ROWS, threads: int = 1) -> FloatArray:
        """(J R,) time on each type, row by row. time (J,) budgets; member (J,): the row of this plan that each job follows."""
        own = np.full(len(self.a), -1, dtype=np.int64)
        own[self.rows] = np.arange(len(self.rows))
        x = np.zeros((len(time), types))
        factor = 1.0 / self.cut if len(self.cut) else np.ones(types)

        def run(_: int, first: int, last: int) -> None:
            write_out(self.a, self.b, self.share, own, self.own, factor, time, member, first, last, x)

        in_parts(run, len(time), threads if len(time) >= WORTH_THREADS else 1)
        return x.ravel()


@njit(**COMPILED)
def write_out(a, b, share, own, rows, factor, time, member, first, last, x):  # type: ignore[no-untyped-def]
    """Fill rows first..last of x (J, R), which is zero."""
    types = x.shape[1]
    for job in range(first, last):
        i = member[job] if len(member) > 0 else job
        hours = time[job]
        if own[i] >= 0:
            for j in range(types):
                x[job, j] = rows[own[i], j] * factor[j] * hours
            continue
        second = share[i] if len(share) > 0 else 0.0
        if a[i] < types:
            x[job, a[i]] += (1.0 - second) * factor[a[i]] * hours
        if second > 0.0 and b[i] < types:
            x[job, b[i]] += second * factor[b[i]] * hours
