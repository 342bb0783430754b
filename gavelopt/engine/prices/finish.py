"""The exact finish: a small linear program over the jobs whose choice the prices leave open.

Everyone else is fixed. An open job i stands in its basis (a, b, x_b) and may move towards type k along

    s_i n_k,   n_k = e_k - th_a e_a - th_b e_b,   0 <= d_ik <= z_ik          (see ``hulls``; a sum has th_a = 1, th_b = 0)

so a job with one open move is one bounded column and no row; several moves of one job share its two shares:
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
from gavelopt.engine.prices.market import Market, Placement
from gavelopt.engine.prices.pivots import climb
from gavelopt.model.arrays import FloatArray, IntArray

HANDFUL = 50_000  # cells of a program that the compiled simplex method solves sooner than HiGHS
ABOVE, CHEAPEST = 1.000001, 1e-9  # the price of capacity that is not there: just above what the box allows


@dataclass(frozen=True, eq=False)
class OpenJobs:
    """Open jobs and their moves.

    rows (n,) of the market; base (n, R+1) shares now; job, to (m,) the open moves; way (m, R+1) direction n_k;
    most (m,) z; gain (m,) value of one unit of the move; use (n,).
    """

    rows: IntArray
    base: FloatArray
    use: FloatArray
    job: IntArray
    to: IntArray
    way: FloatArray
    most: FloatArray
    gain: FloatArray

    def moved(self, amount: FloatArray) -> FloatArray:
        """(n, R) shares after moving ``amount`` (m,)."""
        shares = self.base.copy()
        np.add.at(shares, self.job, self.way * amount[:, None])
        return np.asarray(np.clip(shares[:, :-1], 0.0, 1.0))


def open_choices(market: Market, rows: IntArray, taken: IntArray, price: FloatArray, box: FloatArray) -> OpenJobs:
    """The open moves of jobs in a sum, which stand on one type each (R: idle)."""
    none = np.full(len(rows), market.types)
    return _open(market, rows, taken, none, np.zeros(len(rows)), np.ones(len(rows)), price, box)


def open_bases(market: Market, rows: IntArray, at: Placement, price: FloatArray, box: FloatArray) -> OpenJobs:
    """The open moves of jobs on their hulls. A job at a corner moves along its hull only, which is not a jump."""
    return _open(market, rows, at.a.astype(int), at.b.astype(int), at.share, at.worth, price, box)


def _open(
    market: Market,
    rows: IntArray,
    a: IntArray,
    b: IntArray,
    share: FloatArray,
    worth: FloatArray,
    price: FloatArray,
    box: FloatArray,
) -> OpenJobs:
    each, types = np.arange(len(rows)), market.types
    use = market.use[rows]
    point = np.append(market.table[rows] * market.gain[rows, None], np.zeros((len(rows), 1)), axis=1)
    cost = use[:, None] * np.append(price, 0.0)[None, :]
    wide = np.append(box, 0.0)
    sum_like = market.power == 1.0
    run = np.ones(len(rows)) if sum_like else point[each, b] - point[each, a]
    inside = (run > 0) & (share > 0) if not sum_like else np.ones(len(rows), dtype=bool)
    run = np.where(inside, run, 1.0)
    th_b = np.zeros_like(point) if sum_like else (point - point[each, a][:, None]) / run[:, None]
    th_a = 1.0 - th_b
    margin = cost - cost[each, a][:, None] - worth[:, None] * (point - point[each, a][:, None])
    reach = use[:, None] * (wide[None, :] + np.abs(th_a) * wide[a][:, None] + np.abs(th_b) * wide[b][:, None])
    able = inside[:, None] & (margin <= reach)
    able[:, :types] &= point[:, :types] > 0
    able[each, a] = False
    if not sum_like:
        able[each, b] = False
    base = np.zeros((len(rows), types + 1))
    base[each, a] += 1.0 - share
    base[each, b] += share
    job, to = np.nonzero(able)
    way = np.zeros((len(job), types + 1))
    move = np.arange(len(job))
    way[move, to] += 1.0
    way[move, a[job]] -= th_a[job, to]
    if not sum_like:
        way[move, b[job]] -= th_b[job, to]
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.minimum(
            np.where(th_a[job, to] > 0, (1.0 - share[job]) / th_a[job, to], np.inf),
            np.where(th_b[job, to] > 0, share[job] / th_b[job, to], np.inf),
        )
    gain = point[job, to] - point[job, a[job]] if sum_like else np.zeros(len(job))
    kept = most > 0
    return OpenJobs(rows, base, use, job[kept], to[kept], way[kept], most[kept], gain[kept])


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
    shared, room = _shared_rows(jobs)
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
            matrix = np.zeros((rows, columns))
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


def _shared_rows(jobs: OpenJobs) -> tuple[tuple[FloatArray, IntArray, IntArray], FloatArray]:
    """sum_k th_c d_ik <= x_c for the types c that several moves of one job draw from: (entry, row, move), right sides."""
    types = jobs.way.shape[1]
    several = np.bincount(jobs.job, minlength=len(jobs.rows)) > 1
    move, kind = np.nonzero((jobs.way < 0) & several[jobs.job][:, None])
    keys, row = np.unique(jobs.job[move] * types + kind, return_inverse=True)
    entry = -jobs.way[move, kind] * jobs.most[move]
    return (entry, row.ravel(), move), jobs.base[keys // types, keys % types]
