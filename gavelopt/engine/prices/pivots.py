"""The primal simplex method for a small dense program with bounds: what HiGHS would do, without the way there and back.

    maximise  c.v    subject to  A v <= b,   0 <= v <= top

Row r has a slack; where b_r < 0 it also has a column -e_r without a bound (``relief``), which starts in the basis instead.
The inverse of the basis is kept and updated, and computed afresh every REFRESH pivots and at the end. The entering column
is the one of the steepest gain; of rows that tie the largest pivot leaves. Whether it ended at an optimum is checked
there; it may give up, and then a solver has to.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gavelopt.model.arrays import FloatArray, IntArray

REFRESH = 40  # pivots
SMALLEST = 1e-9  # of a pivot
SETTLED = 1e-11  # reduced cost, relative to the largest cost, that counts as none
FEASIBLE = 1e-9  # bound violations at the end, relative to max(1, largest right-hand side)
TURNS = 6  # pivots per row and column, at most


def climb(
    matrix: FloatArray, room: FloatArray, gain: FloatArray, top: FloatArray, relief: IntArray
) -> tuple[FloatArray, FloatArray] | None:
    """(v, dual) of the program with A = matrix (m, n), b = room, c = gain; relief (m,) columns or -1. None: gave up."""
    value, dual = np.zeros(len(gain)), np.zeros(len(room))
    if not len(gain) or not len(room):
        return None
    columns = np.ascontiguousarray(matrix.T)
    ended = _climb(columns, room, gain, top, relief, value, dual)
    return (value, dual) if ended and _proved(columns, room, gain, top, value, dual) else None


@njit(cache=True, nogil=True, error_model="numpy")
def _proved(columns, room, gain, top, value, dual):  # type: ignore[no-untyped-def]
    """Whether v keeps every row, and the duals bound the objective by what v has, up to rounding of their own terms."""
    count, rows = columns.shape
    price = np.maximum(dual, 0.0)
    above, size = 0.0, 0.0
    for r in range(rows):
        used, terms = 0.0, 0.0
        for j in range(count):
            used += columns[j, r] * value[j]
            terms += abs(columns[j, r] * value[j])
        if not used - room[r] <= FEASIBLE * (terms + abs(room[r])):
            return False
        above += price[r] * room[r]
        size += abs(price[r] * room[r])
    for j in range(count):
        over = gain[j]
        for r in range(rows):
            over -= price[r] * columns[j, r]
        if not np.isinf(top[j]):
            above += max(over, 0.0) * top[j]
            size += max(over, 0.0) * top[j]
        elif not over <= FEASIBLE * abs(gain[j]):
            return False
        above -= gain[j] * value[j]
        size += abs(gain[j] * value[j])
    return above <= FEASIBLE * size + SETTLED * np.abs(gain).max()


@njit(cache=True, nogil=True, error_model="numpy")
def _column(columns, j, rows):  # type: ignore[no-untyped-def]
    """Column j of [A I]."""
    if j < len(columns):
        return columns[j].copy()
    unit = np.zeros(rows)
    unit[j - len(columns)] = 1.0
    return unit


@njit(cache=True, nogil=True, error_model="numpy")
def _refreshed(columns, room, top, basis, raised):  # type: ignore[no-untyped-def]
    """(inverse of the basis, values of the basic variables) from scratch."""
    rows = len(room)
    square = np.zeros((rows, rows))
    for r in range(rows):
        square[:, r] = _column(columns, basis[r], rows)
    left = room.copy()
    for j in range(len(columns)):
        if raised[j]:
            left -= columns[j] * top[j]
    inverse = np.linalg.inv(square)
    return inverse, inverse @ left


@njit(cache=True, nogil=True, error_model="numpy")
def _entering(columns, gain, price, basic, raised, least):  # type: ignore[no-untyped-def]
    """(column that gains the most per unit of its own size, the sign of its move); (-1, 0) at an optimum."""
    best, chosen, sign = 0.0, -1, 0.0
    count, rows = columns.shape
    for j in range(count + rows):
        if basic[j]:
            continue
        if j < count:
            reduced, size = gain[j], 1.0
            for r in range(rows):
                reduced -= price[r] * columns[j, r]
                size += columns[j, r] * columns[j, r]
        else:
            reduced, size = -price[j - count], 2.0
        way = -1.0 if raised[j] else 1.0
        if way * reduced > least and reduced * reduced > best * size:
            best, chosen, sign = reduced * reduced / size, j, way
    return chosen, sign


@njit(cache=True, nogil=True, error_model="numpy")
def _leaving(held, along, top, basis, limit):  # type: ignore[no-untyped-def]
    """(row that stops the move, how far it goes); row -1 where the entering column's own bound ``limit`` does."""
    row, far, size = -1, limit, 0.0
    for r in range(len(held)):
        step = np.inf
        if along[r] > SMALLEST:
            step = max(held[r], 0.0) / along[r]
        elif along[r] < -SMALLEST and np.isfinite(top[basis[r]]):
            step = max(top[basis[r]] - held[r], 0.0) / -along[r]
        if step < far or (step == far and row >= 0 and abs(along[r]) > size):
            row, far, size = r, step, abs(along[r])
    return row, far


@njit(cache=True, nogil=True, error_model="numpy")
def _climb(columns, room, gain, bound, relief, value, dual):  # type: ignore[no-untyped-def]
    count, rows = columns.shape
    top = np.append(bound, np.full(rows, np.inf))
    basis, basic = np.empty(rows, np.int64), np.zeros(count + rows, np.bool_)
    raised = np.zeros(count + rows, np.bool_)
    for r in range(rows):
        if room[r] < 0.0 and relief[r] < 0:
            return False
        basis[r] = relief[r] if room[r] < 0.0 else count + r
        basic[basis[r]] = True
    least = SETTLED * np.abs(gain).max()
    inverse, held = _refreshed(columns, room, top, basis, raised)
    price, ended, fresh = np.zeros(rows), False, 0
    for _ in range(TURNS * (count + rows)):
        price[:] = 0.0
        for r in range(rows):
            if basis[r] < count:
                price += gain[basis[r]] * inverse[r]
        enter, sign = _entering(columns, gain, price, basic, raised, least)
        if enter < 0:
            if fresh == 0:
                ended = True
                break
            inverse, held = _refreshed(columns, room, top, basis, raised)
            fresh = 0
            continue
        along = sign * (inverse @ _column(columns, enter, rows))
        row, far = _leaving(held, along, top, basis, top[enter])
        if not np.isfinite(far):
            return False
        held -= far * along
        if row < 0:
            raised[enter] = not raised[enter]
            continue
        leave = basis[row]
        basic[leave], basic[enter] = False, True
        raised[leave] = along[row] < 0.0
        start = top[enter] if raised[enter] else 0.0
        raised[enter] = False
        basis[row] = enter
        held[row] = start + sign * far
        fresh += 1
        if fresh == REFRESH:
            inverse, held = _refreshed(columns, room, top, basis, raised)
            fresh = 0
            continue
        pivot = inverse[row] * (sign / along[row])
        for r in range(rows):
            if r != row and along[r] != 0.0:
                inverse[r] -= sign * along[r] * pivot
        inverse[row] = pivot
    if not ended:
        return False
    slack = FEASIBLE * max(1.0, np.abs(room).max())
    for r in range(rows):
        if not (held[r] >= -slack and held[r] <= top[basis[r]] + slack):
            return False
    for j in range(count):
        value[j] = top[j] if raised[j] else 0.0
    for r in range(rows):
        if basis[r] < count:
            value[basis[r]] = min(max(held[r], 0.0), top[basis[r]])
    dual[:] = price
    return True
