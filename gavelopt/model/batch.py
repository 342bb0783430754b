"""The best batch size of a configuration, exactly.

    maximise  GOODPUT(m, s)   over whole m, s >= 0
    subject to                m_min <= m <= m_max,   M_min <= M = K m (s + 1) <= M_max
                              K = 1:  s >= 1 unless M = M_min (one micro-batch cannot show its gradient noise)

For fixed s the reciprocal h of goodput is convex in m, and the sign of its slope rises with s (``goodput.py``). So there is
a first s* at which the slope at m_max is not negative (or M_max stands in the way). Below s* the best m is m_max, and
h = a + b (s + 1) + c / (s + 1) has its minimum at a square root. From s* on a bisection finds the best m; the search ends
as soon as a tangent bound, which holds for every larger s, shows that nothing better can come.

``grid_batch`` is Pollux's own search: 50 points geometrically spaced from M_min to M_max, each rounded up to whole samples.
It differs from the code in leaving out points that the rounding carries above M_max.
Reference: adaptdl/goodput.py (optimize), Pollux section 3.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.goodput import GoodputModel

GRID = 50
Slope = Callable[[IntArray], FloatArray]


@dataclass(frozen=True, eq=False)
class BatchLimits:
    """Limits of n cells, each (n,): total batch M_min..M_max, local batch m_min..m_max, whether s > 0 is allowed."""

    total_min: IntArray
    total_max: IntArray
    local_min: IntArray
    local_max: IntArray
    accumulate: BoolArray

    def take(self, rows: BoolArray | IntArray) -> BatchLimits:
        """The cells at the given rows."""
        return BatchLimits(
            self.total_min[rows],
            self.total_max[rows],
            self.local_min[rows],
            self.local_max[rows],
            self.accumulate[rows],
        )


class Best:
    """The best (m, s) seen so far for each of n cells; h = seconds a useful sample, infinite where none fits."""

    def __init__(self, cells: int) -> None:
        self.seconds = np.full(cells, np.inf)
        self.local = np.zeros(cells, dtype=np.int64)
        self.accumulation = np.zeros(cells, dtype=np.int64)

    def offer(
        self, model: GoodputModel, limits: BatchLimits, rows: IntArray, local: IntArray, accumulation: IntArray
    ) -> None:
        """Take (local, accumulation) for the cells ``rows`` where it is allowed and better."""
        total = model.replicas * local * (accumulation + 1)
        allowed = (local >= np.maximum(limits.local_min, 1)) & (local <= limits.local_max) & (accumulation >= 0)
        allowed &= (total >= limits.total_min) & (total <= limits.total_max)
        allowed &= (accumulation == 0) | limits.accumulate
        allowed &= (model.replicas > 1) | (accumulation > 0) | (total == limits.total_min)
        seconds = np.where(allowed, model.seconds(np.maximum(local, 1), np.maximum(accumulation, 0)), np.inf)
        better = seconds < self.seconds[rows]
        at = rows[better]
        self.seconds[at], self.local[at], self.accumulation[at] = seconds[better], local[better], accumulation[better]

    @property
    def goodput(self) -> FloatArray:
        """(n,) useful samples/s, 0 where no batch size fits."""
        return 1.0 / self.seconds


def best_batch(model: GoodputModel, limits: BatchLimits) -> Best:
    """The exact optimum for each of n cells."""
    best = Best(len(model.replicas))
    everything = np.arange(len(model.replicas))
    best.offer(model, limits, everything, limits.total_min, np.zeros_like(everything))  # one replica at M_min
    first, last = _accumulation_range(model, limits)
    rows = np.flatnonzero(first <= last)
    model, limits, first, last = model.take(rows), limits.take(rows), first[rows], last[rows]
    full = -(-limits.total_max // (model.replicas * limits.local_max)) - 1  # first s at which M_max binds before m_max
    turn = first_not_falling(lambda s: model.seconds_slope(limits.local_max, s), first, np.clip(full, first, last))
    for steps in _steps_at_largest_local(model, limits):
        best.offer(model, limits, rows, limits.local_max, np.clip(steps, first, np.maximum(turn - 1, first)))
    _beyond(model, limits, rows, turn, last, best)
    return best


def _accumulation_range(model: GoodputModel, limits: BatchLimits) -> tuple[IntArray, IntArray]:
    """(n,) smallest and largest s at which some allowed m exists (up to rounding)."""
    first = -(-limits.total_min // (model.replicas * limits.local_max)) - 1
    first = np.maximum(first, np.where(model.replicas == 1, 1, 0))
    last = limits.total_max // (model.replicas * np.maximum(limits.local_min, 1)) - 1
    return first, np.where(limits.accumulate, last, np.minimum(last, 0))


def _steps_at_largest_local(model: GoodputModel, limits: BatchLimits) -> tuple[IntArray, IntArray]:
    """The whole numbers on either side of the best real s at m = m_max: h = a + b (s + 1) + c / (s + 1)."""
    grad, step = model.grad_time(limits.local_max), model.step_time(limits.local_max)
    rising = grad * model.replicas * limits.local_max / (model.noise + model.init_batch)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.sqrt(np.maximum(step - grad, 0.0) * model.noise_share / rising) - 1.0
    low = np.clip(np.nan_to_num(steps, nan=0.0, posinf=2.0**40), 0, 2**40).astype(np.int64)
    return low, low + 1


def _beyond(
    model: GoodputModel, limits: BatchLimits, rows: IntArray, steps: IntArray, last: IntArray, best: Best
) -> None:
    """s = s*, s* + 1, ...: the best m for each, until the bound closes. Works on ever fewer cells."""
    while len(rows):
        span = model.replicas * (steps + 1)
        low = np.maximum(limits.local_min, -(-limits.total_min // span))
        high = np.minimum(limits.local_max, limits.total_max // span)
        local = first_not_falling(partial(_slope, model, steps), low, np.maximum(low, high))
        best.offer(model, limits, rows, local, steps)
        best.offer(model, limits, rows, local - 1, steps)
        floor = _floor(model, limits, local, steps) + _rise(model, limits)
        keep = np.flatnonzero((steps < last) & (floor < best.seconds[rows]))
        model, limits, rows, steps, last = model.take(keep), limits.take(keep), rows[keep], steps[keep] + 1, last[keep]


def _slope(model: GoodputModel, steps: IntArray, local: IntArray) -> FloatArray:
    """d h / d m at fixed accumulation, for the bisection over m."""
    return model.seconds_slope(local, steps)


def _floor(model: GoodputModel, limits: BatchLimits, local: IntArray, steps: IntArray) -> FloatArray:
    """(n,) a number that h at ``steps`` does not undercut for any real m with M_min <= M <= M_max.

    The higher of the tangents at ``local`` and one below it, minimised over that interval.
    """
    span = model.replicas * (steps + 1.0)
    left, right = limits.total_min / span, limits.total_max / span
    below = np.maximum(local - 1.0, left)
    h1, d1 = model.seconds(local, steps), model.seconds_slope(local, steps)
    h0, d0 = model.seconds(below, steps), model.seconds_slope(below, steps)
    with np.errstate(divide="ignore", invalid="ignore"):
        cross = (h1 - h0 + d0 * below - d1 * local) / (d0 - d1)
    ends = [left, right, np.clip(np.where(np.isfinite(cross), cross, left), left, right)]
    tangents = [np.maximum(h0 + d0 * (m - below), h1 + d1 * (m - local)) for m in ends]
    return np.asarray(np.min(tangents, axis=0))


def _rise(model: GoodputModel, limits: BatchLimits) -> FloatArray:
    """(n,) h rises by at least this with every further accumulation step, at the same M."""
    return np.asarray(model.alpha_c * model.samples_needed(limits.total_max) / limits.total_max)


def first_not_falling(slope: Slope, low: IntArray, high: IntArray) -> IntArray:
    """(n,) the first whole number in [low, high] at which a slope that rises is not negative, else ``high``."""
    low, high = low.copy(), high.copy()
    while (low < high).any():
        middle = (low + high) // 2
        rising = slope(middle) >= 0
        high = np.where(rising, middle, high)
        low = np.where(rising, low, np.minimum(middle + 1, high))
    return high


def grid_batch(model: GoodputModel, limits: BatchLimits, points: int = GRID) -> Best:
    """Pollux's search over a geometric grid of total batch sizes."""
    best = Best(len(model.replicas))
    rows = np.arange(len(model.replicas))
    for fraction in np.linspace(0.0, 1.0, points):
        wanted = limits.total_min ** (1.0 - fraction) * limits.total_max**fraction / model.replicas
        steps = np.ceil(wanted / limits.local_max - 1e-8).astype(np.int64) - 1
        alone = (model.replicas == 1) & (wanted > limits.total_min * (1.0 + 1e-8))
        steps = np.maximum(steps, np.where(alone, 1, 0))
        local = np.ceil(wanted / (steps + 1) - 1e-8).astype(np.int64)
        best.offer(model, limits, rows, np.maximum(local, limits.local_min), steps)
    return best
