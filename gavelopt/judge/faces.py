"""What all allocations share that keep given rates: the face that proofs of earlier bottlenecks leave over.

A proof is of prices p (C,) and of a worth g (J,) of rates; with the least w that has  g_i T_ij <= s_i p_j + w_i  for every
job i and type j, each allocation x satisfies, for any rates q,

    p.(C - U x) + w.(time - M x) + slack.x + g.(r(x) - q)  =  D,     D = C.p + time.w - g.q,   slack = s p + w - g T

Where D = 0 and x keeps the rates q, every term is 0: a column of some slack is not used, no time is left where w_i > 0 and no
capacity where p_j > 0, and  r_i = q_i  where g_i > 0. These allocations are a face. A later proof is one for them only, so
there its p_j, w_i and g_i may have any sign.

In numbers D is not 0, and q is had up to rounding only. So two things are asked for.

- The face must be that of the allocation at hand, quantity by quantity: it spends no time on a column that is ruled out,
  leaves nothing of a type that is scarce, and what it uses has no slack. That a sum of money is small would not do: where
  rates span decades it has room for a type with next to no price of which half is left, and a level a little too high pays
  for one that is far too low. (What differs by less than ``SLACK`` is taken to be equal, here and nowhere else.)
- D, every term of it taken as a loss, is how far off rates can be: who is fixed by proof k is right up to D_k / g_i.
  Wherever that rate counts in a later proof, the D of that one is as much more, and so on (``left``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavelopt.judge.check import tidy
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.space import AllocationSpace

SLACK = 1e-8  # of the terms of an inequality: it is tight unless its sides differ by more
IN_USE = 1e-9  # of a job's time: a column with less is not in use
ROUNDING = float(np.finfo(np.float64).eps)  # of the terms of D


@dataclass(frozen=True, eq=False)
class Had:
    """An allocation of a plain space: time (J, C + 1) on each type and idling, rate (J,), spare (C,) capacity."""

    time: FloatArray
    rate: FloatArray
    spare: FloatArray

    @classmethod
    def of(cls, space: AllocationSpace, x: FloatArray) -> Had:
        """As much of ``x`` (J C,) as keeps to capacity and time; time in which nothing is done counts as idling."""
        grid = space.plain
        assert grid is not None
        able = (grid.table > 0) & (space.capacity > 0)
        time = np.where(able, tidy(space, x).reshape(able.shape), 0.0)
        idle, taken = space.time - time.sum(axis=1), (grid.use[:, None] * time).sum(axis=0)
        return cls(np.column_stack([time, idle]), (grid.table * time).sum(axis=1), space.capacity - taken)


class Face:
    """The allocations of a plain space that keep the rates so far: may (J, C + 1) columns in use, idling the last of them;
    scarce (C,) types of which nothing is left; by (J,) the proof that fixes a rate, 0 for none, and room (J,) its g there.

    ``left`` (K + 1,) is D of each proof so far. ``had`` is the allocation at hand; while an answer is being made there is
    none, and all rates count as had.
    """

    def __init__(self, space: AllocationSpace, had: Had | None = None) -> None:
        grid = space.plain
        assert grid is not None
        jobs, types = grid.table.shape
        self.space, self.had = space, had
        self.use = np.append(np.ones(types), 0.0) * grid.use[:, None]
        self.table = np.hstack([grid.table, np.zeros((jobs, 1))])
        self.able = np.hstack([grid.usable & (grid.table > 0) & (space.capacity > 0), np.ones((jobs, 1), dtype=bool)])
        self.may, self.scarce = self.able.copy(), np.zeros(types, dtype=bool)
        self.by: IntArray = np.zeros(jobs, dtype=np.int64)
        self.room, self.left = np.ones(jobs), np.zeros(1)
        self.loose = 0.0  # the most slack, relative, of a column that is in use

    @property
    def top(self) -> FloatArray:
        """(J,) the highest rate of each job."""
        return np.asarray(np.where(self.may, self.table, 0.0).max(axis=1, initial=0.0) * self.space.time)

    @property
    def missed(self) -> float:
        """How far the allocation lies from the face, relative: in time, in capacity, or in slack."""
        if self.had is None:
            return 0.0
        lost = np.abs(np.where(self.able & ~self.may, self.had.time, 0.0))
        time, capacity = (np.where(most > 0, most, 1.0) for most in (self.space.time, self.space.capacity))
        spare = np.abs(np.where(self.scarce, self.had.spare, 0.0))
        parts = (lost / time[:, None]).max(initial=0.0), (spare / capacity).max(initial=0.0), self.loose
        return float(np.max(parts))

    def bounded(self, prices: FloatArray, worth: FloatArray, rate: FloatArray) -> tuple[FloatArray, float]:
        """(worth, D) of a proof for all who keep ``rate`` (J,); afterwards the face is the smaller one that it leaves.

        Signs that no earlier proof allows are taken away; numbers that are none prove nothing: D is infinite.
        """
        price, gradient = np.nan_to_num(prices), np.nan_to_num(worth)
        price = np.where(self.scarce, price, np.maximum(price, 0.0))
        gradient = np.where(self.by > 0, gradient, np.maximum(gradient, 0.0))
        toll, gain = self.use * np.append(price, 0.0), gradient[:, None] * self.table
        hours = np.where(self.may, gain - toll, -np.inf).max(axis=1, initial=-np.inf)
        slack = hours[:, None] - (gain - toll)
        size = np.abs(gain) + np.abs(toll) + np.abs(hours)[:, None]
        size[:, -1] = np.maximum(np.abs(hours), np.abs(gain).max(axis=1, initial=0.0))
        left = self._own(price, gradient, hours, slack, rate) + self._inherited(gradient)
        if not np.isfinite(left):
            return np.zeros(len(gradient)), np.inf
        self.left = np.append(self.left, left)
        self._cut(price, gradient, slack, size)
        return np.maximum(gradient, 0.0), left

    def _own(
        self, price: FloatArray, gradient: FloatArray, hours: FloatArray, slack: FloatArray, rate: FloatArray
    ) -> float:
        """D of a proof by itself; at the allocation at hand no term makes up for another."""
        factors = np.append(self.space.capacity, self.space.time), np.append(price, hours)
        supply = np.multiply(*factors, dtype=np.longdouble)  # for it is nearly all that is taken off again
        rounding = ROUNDING * float(np.abs(supply).sum())
        if self.had is None:
            return max(rounding, abs(float(supply.sum() - np.multiply(gradient, rate, dtype=np.longdouble).sum())))
        used = np.abs(np.where(self.able, self.had.time, 0.0))
        more = np.maximum(self.had.rate - rate, 0.0)  # who has less keeps that
        terms = np.abs(price * self.had.spare), np.abs(slack) * used, np.abs(gradient * more)
        return rounding + float(sum(term.sum() for term in terms))

    def _inherited(self, gradient: FloatArray) -> float:
        """By how much  g.r(x)  can be off where rates are fixed by earlier proofs: of one with worth g', by D max |g| / g'."""
        times = np.zeros(len(self.left))
        np.maximum.at(times, self.by, np.where(self.by > 0, np.abs(gradient) / self.room, 0.0))
        return float(times @ self.left)

    def _cut(self, price: FloatArray, gradient: FloatArray, slack: FloatArray, size: FloatArray) -> None:
        """Leave what a proof leaves; slack (J, C + 1) of inequalities whose terms are of this size."""
        self.may &= slack <= SLACK * size
        if self.had is not None:
            used = self.may & (self.had.time > IN_USE * self.space.time[:, None]) & (size > 0)
            self.loose = max(self.loose, float((slack[used] / size[used]).max(initial=0.0)))
        self.scarce |= price > 0
        fixed = (gradient > 0) & (self.by == 0)
        self.by[fixed], self.room[fixed] = len(self.left) - 1, gradient[fixed]
