"""The pass for a sum of utilities: at prices p every job takes its most profitable type, or stays idle.

    value_i  = max(0, max_j (A_ij - s_i p_j))            A_ij = gain_i T_ij
    demand   = sum_i s_i e_{a(i)}                        a(i) the type taken, e_idle = 0

Jobs whose runner-up k lies within a bandwidth, m = value_i - (A_ik - s_i p_k) <= s_i (h_a + h_k) = q, are counted as
partly moved: the share 1/2 - m/2q of them. Demand then is continuous in p, and its Jacobian is a sum over those jobs of
s_i^2 / 2q (e_k - e_a)(e_k - e_a)': a graph Laplacian over the types. With n such runners-up both are scaled by 2/(n + 1),
which is exact for n = 1 and divides n + 1 equal types fairly.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gavelopt.engine.prices.block import BLOCK, COMPILED, HUGE, read_block

UNDECIDED = 128  # this bit of a mark says that the choice may change within the bandwidth


@njit(**COMPILED)
def best_types(point, held, price, count, best, second, taken):  # type: ignore[no-untyped-def]
    """Best profit, runner-up profit and type taken (R: idle) of each job of a block."""
    types = len(price)
    profit, other, at, use = best[:count], second[:count], taken[:count], held[:count]
    profit[:] = 0.0
    other[:] = -HUGE
    at[:] = types
    for j in range(types):
        toll, name, column = price[j], float(j), point[j]
        for i in range(count):
            offer = column[i] - use[i] * toll
            leader = profit[i]
            other[i] = max(other[i], min(offer, leader))
            at[i] = name if offer > leader else at[i]
            profit[i] = max(offer, leader)


@njit(**COMPILED)
def total_profit(table, gain, use, rows, price):  # type: ignore[no-untyped-def]
    """Sum over the jobs ``rows`` of their best profit."""
    total = 0.0
    for row in rows:
        best = 0.0
        for j in range(len(price)):
            best = max(best, table[row, j] * gain[row] - use[row] * price[j])
        total += best
    return total


@njit(**COMPILED)
def near_choices(point, use, price, width, i, a, profit, shift, jacobian):  # type: ignore[no-untyped-def]
    """Add the moves of job ``i`` of the block to its near runners-up; returns how many there are."""
    types = len(price)
    near = 0
    for k in range(types + 1):
        if k != a:
            offer = point[k, i] - use * price[k] if k < types else 0.0
            if profit - offer <= use * (width[a] + width[k]):
                near += 1
    fair = 2.0 / (near + 1.0)
    for k in range(types + 1):
        reach = use * (width[a] + width[k])
        if k != a and reach > 0.0:
            margin = profit - (point[k, i] - use * price[k] if k < types else 0.0)
            if margin <= reach:
                moved = fair * use * (0.5 - 0.5 * margin / reach)
                shift[a] -= moved
                shift[k] += moved
                rate = 0.5 * fair * use * use / reach
                jacobian[a, a] += rate
                jacobian[k, k] += rate
                jacobian[a, k] -= rate
                jacobian[k, a] -= rate
    return near


@njit(**COMPILED)
def look_choices(table, gain, use, rows, first, last, price, width, mark, demand, spread, shift, jacobian):  # type: ignore[no-untyped-def]
    """One pass over jobs first..last. Adds to demand, spread (sums of squares) and shift (R+1,), jacobian (R+1, R+1).

    mark (jobs,) gets the type of each job, with the bit UNDECIDED; empty for none. Returns (total profit, near moves).
    """
    types = table.shape[1]
    point, held = np.empty((types, BLOCK)), np.empty(BLOCK)
    best, second, taken = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    widest = width.max()
    total, events = 0.0, 0
    for start in range(first, last, BLOCK):
        count = min(BLOCK, last - start)
        read_block(table, gain, use, rows, start, count, point, held)
        best_types(point, held, price, count, best, second, taken)
        s, profit, at, other = held[:count], best[:count], taken[:count], second[:count]
        for j in range(types):
            name, load, square = float(j), 0.0, 0.0
            for i in range(count):
                mine = s[i] if at[i] == name else 0.0
                load += mine
                square += mine * mine
            demand[j] += load
            spread[j] += square
        subtotal = 0.0
        for i in range(count):
            subtotal += profit[i]
        total += subtotal
        if len(mark) > 0:
            marks = mark[start : start + count]
            for i in range(count):
                marks[i] = np.uint8(at[i])
        for i in range(count):
            if widest > 0.0 and profit[i] - other[i] <= (widest + width[int(at[i])]) * s[i]:
                near = near_choices(point, s[i], price, width, i, int(at[i]), profit[i], shift, jacobian)
                events += near
                if near > 0 and len(mark) > 0:
                    mark[start + i] |= np.uint8(UNDECIDED)
    return total, events
