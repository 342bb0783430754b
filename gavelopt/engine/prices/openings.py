"""The open moves of jobs: who stands where, and towards which types the prices of a box leave each of them free to go.

An open job i stands in its basis (a, b, x_b) and may move towards type k along

    s_i n_k,   n_k = e_k - th_a e_a - th_b e_b,   0 <= d_ik <= z_ik          (see ``hulls``; a sum has th_a = 1, th_b = 0)

where its reduced cost m_ik is at most what prices within the box can make up for: s_i (h_k + |th_a| h_a + |th_b| h_b).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from gavelopt.engine.prices.market import Market, Placement
from gavelopt.model.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class OpenJobs:
    """Open jobs and their moves.

    rows (n,) of the market; base (n, R+1) shares now; job, to (m,) the open moves, job by job; way (m, R+1) direction n_k;
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
    types, each = market.types, np.arange(len(rows))
    use, toll, wide = market.use[rows], np.append(price, 0.0), np.append(box, 0.0)
    point = np.zeros((len(rows), types + 1))
    point[:, :types] = market.table[rows] * market.gain[rows, None]
    data = point, use, a, b, share, worth, toll, wide, market.power == 1.0
    count = open_moves(*data, each[:0], each[:0], point[:0], use[:0], use[:0])
    job, to = np.empty((2, count), dtype=np.int64)
    way, (most, gain) = np.zeros((count, types + 1)), np.empty((2, count))
    open_moves(*data, job, to, way, most, gain)
    base = np.zeros_like(point)
    base[each, a] += 1.0 - share
    base[each, b] += share
    return OpenJobs(rows, base, use, job, to, way, most, gain)


@njit(cache=True, nogil=True, error_model="numpy")
def open_moves(point, use, a, b, share, worth, toll, wide, choices, job, to, way, most, gain):  # type: ignore[no-untyped-def]
    """The number of open moves; with room for them in ``job`` and the arrays after it (see OpenJobs), those themselves."""
    found = 0
    for i in range(len(use)):
        low, high = a[i], b[i]
        run = 1.0 if choices else point[i, high] - point[i, low]
        if not choices and not (run > 0.0 and share[i] > 0.0):
            continue
        for k in range(len(toll)):
            if k == low or (k == high and not choices) or (k + 1 < len(toll) and not point[i, k] > 0.0):
                continue
            rise = point[i, k] - point[i, low]
            th_b = 0.0 if choices else rise / run
            th_a = 1.0 - th_b
            margin = use[i] * (toll[k] - toll[low]) - worth[i] * rise
            if not margin <= use[i] * (wide[k] + abs(th_a) * wide[low] + abs(th_b) * wide[high]):
                continue
            room = min((1.0 - share[i]) / th_a if th_a > 0.0 else np.inf, share[i] / th_b if th_b > 0.0 else np.inf)
            if not room > 0.0:
                continue
            if len(job) > 0:
                job[found], to[found], most[found], gain[found] = i, k, room, rise if choices else 0.0
                way[found, k] += 1.0
                way[found, low] -= th_a
                way[found, high] -= th_b
            found += 1
    return found


def shared_rows(jobs: OpenJobs) -> tuple[tuple[FloatArray, IntArray, IntArray], FloatArray]:
    """sum_k th_c d_ik <= x_c for the types c that several moves of one job draw from: (entry, row, move), right sides."""
    move, kind, row, rows = draws(jobs.job, jobs.way)
    entry, room = -jobs.way[move, kind] * jobs.most[move], np.empty(rows)
    room[row] = jobs.base[jobs.job[move], kind]
    return (entry, row, move), room


@njit(cache=True, nogil=True, error_model="numpy")
def draws(job, way):  # type: ignore[no-untyped-def]
    """Moves that share what they draw from: (move, type, number of the (job, type) pair), and how many pairs there are."""
    moves, types = way.shape
    move, kind, row = np.empty(3 * moves, np.int64), np.empty(3 * moves, np.int64), np.empty(3 * moves, np.int64)
    number, found, rows, first = np.empty(types, np.int64), 0, 0, 0
    while first < moves:
        last = first + 1
        while last < moves and job[last] == job[first]:
            last += 1
        number[:] = -1
        for m in range(first, last if last > first + 1 else first):
            for c in range(types):
                if way[m, c] < 0.0:
                    if number[c] < 0:
                        number[c] = rows
                        rows += 1
                    move[found], kind[found], row[found] = m, c, number[c]
                    found += 1
        first = last
    return move[:found], kind[:found], row[:found], rows
