"""The exact finish: a small linear program over the jobs whose choice the prices leave open.

Everyone else is fixed. An open job i may move towards type k along  s_i n_k,  0 <= d_ik <= z_ik  (see ``openings``), so a
job with one open move is one bounded column and no row; several moves of one job share its two shares:
sum_k th_a d_ik <= x_a,  sum_k th_b d_ik <= x_b. The capacities are the only other rows,

    demand + sum s_i n_ik d_ik + (one term) - over  <=  C,        over >= 0 at a price above what the box allows,

with what is to be maximised: for a sum  (A_ik - A_ia) d_ik;  for a minimum the level, whose rise costs drift.dt;  for a
power mean the capacity that its smooth part takes up, p.(-H dp) for a small change of prices dp. A vertex leaves at most
R open jobs split, and its duals are the prices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gavelopt.engine.backends import highs
from gavelopt.engine.linear import LinearProgram
from gavelopt.engine.prices.openings import OpenJobs, shared_rows
from gavelopt.engine.prices.pivots import climb
from gavelopt.model.arrays import FloatArray, IntArray

HANDFUL = 50_000  # cells of a program that the compiled simplex method solves sooner than HiGHS
ABOVE, CHEAPEST = 1.000001, 1e-9  # the price of capacity that is not there: just above what the box allows


@dataclass(frozen=True, eq=False)
class Smooth:
    """What can change besides the moves: use (R, k) of the capacities and gain (k,) a unit, from lower to upper."""

    use: FloatArray
    gain: FloatArray
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, eq=False)
class Finished:
    """amount (m,) of each move; along (k,) of each smooth change; price (R,) duals; over (R,) use beyond the capacities."""

    amount: FloatArray
    along: FloatArray
    price: FloatArray
    over: FloatArray


def finish(
    jobs: OpenJobs, left: FloatArray, price: FloatArray, box: FloatArray, smooth: Smooth | None, seconds: float
) -> Finished:
    """Solve the finish. left (R,): capacity minus demand; price, box (R,) in units of gain.

    Raises OutOfTime, or SolverError with HiGHS's words.
    """
    types, moves = len(left), len(jobs.job)
    unit = max(float(price.max(initial=0.0)), 1e-300)
    parts = smooth or Smooth(np.zeros((types, 0)), *np.zeros((3, 0)))
    terms = len(parts.gain)
    size = np.maximum(np.abs(parts.use).max(axis=0, initial=0.0), 1e-300)
    shared, room = shared_rows(jobs)
    jumps = jobs.way[:, :types] * (jobs.use[jobs.job] * jobs.most)[:, None]
    along, gain = parts.use / size, parts.gain / size
    rise, fall = np.maximum(parts.upper, 0.0) * size, np.maximum(-parts.lower, 0.0) * size
    program = Program(
        np.hstack([jumps.T, along, -along, -np.eye(types)]),
        shared,
        np.concatenate([left, room]),
        np.concatenate([jobs.gain * jobs.most, gain, -gain, -ABOVE * (price + box) - CHEAPEST * unit]) / unit,
        np.concatenate([np.ones(moves), rise, fall, np.full(types, np.inf)]),
    )
    v, dual = program.solved(seconds)
    amount, up, down, over = np.split(v, [moves, moves + terms, moves + 2 * terms])
    return Finished(
        np.clip(amount, 0.0, 1.0) * jobs.most,
        (up - down) / size,
        np.maximum(dual[:types], 0.0) * unit,
        np.maximum(over, 0.0),
    )


@dataclass(frozen=True, eq=False)
class Program:
    """maximise gain.v, 0 <= v <= top: capacity (R, n) rows, the last R columns -I; shared (entry, row, column) below them;
    room (R + S,) right sides."""

    capacity: FloatArray
    shared: tuple[FloatArray, IntArray, IntArray]
    room: FloatArray
    gain: FloatArray
    top: FloatArray

    def solved(self, seconds: float) -> tuple[FloatArray, FloatArray]:
        """(v, dual): a handful of moves by the simplex method at hand, more by HiGHS. Raises as ``finish`` does."""
        types, columns = self.capacity.shape
        rows = len(self.room)
        found = None
        if rows * columns <= HANDFUL:
            matrix = np.zeros((columns, rows)).T  # column by column
            matrix[:types] = self.capacity
            entry, row, move = self.shared
            matrix[types + row, move] = entry
            relief = np.full(rows, -1)
            relief[:types] = columns - types + np.arange(types)
            found = climb(matrix, self.room, self.gain, self.top, relief)
        return found or highs.solve_lp(self._sparse(), "simplex", seconds)

    def _sparse(self) -> LinearProgram:
        types, columns = self.capacity.shape
        entry, row, move = self.shared
        i, k = np.nonzero(self.capacity)
        entries = np.append(self.capacity[i, k], entry), (np.append(i, types + row), np.append(k, move))
        return LinearProgram(
            cost=self.gain,
            matrix=sparse.csc_array(entries, shape=(len(self.room), columns)),
            lower=np.full(len(self.room), -np.inf),
            upper=self.room,
            top=self.top,
            columns=np.arange(columns),
            blocks={},
            epigraph=np.zeros(0, dtype=np.int64),
            unit=1.0,
            size=columns,
        )
