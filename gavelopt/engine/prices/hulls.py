"""The pass for utilities that bend: the walk along each job's lower convex hull.

At prices p job i sees the points (A_ij, s_i p_j), one a type, and the origin (idle). Their lower convex hull is its cost of
throughput c_i(y). The walk starts at the origin and follows the piece of least slope until it reaches

    a minimum (p = -inf)   the throughput it needs,  y_i(t) = (t - o_i)^+ / (1 - b_i t),  so that u_i = t
    a power mean (p < 1)   the throughput it wants:  w_i (y + o_i)^(p - 1) = slope,  or a corner of the hull

It ends between two types a, b (idle counts as one), with time shares x_b = (y - A_a) / (A_b - A_a), x_a = 1 - x_b. With
lam the slope there (the job's worth of throughput) and nu = s p_a - lam A_a (minus its worth of time), another type k has
the reduced cost  m_k = s p_k - lam A_k - nu >= 0  and enters along  n = e_k - th_a e_a - th_b e_b,  th_b = (A_k - A_a) /
(A_b - A_a),  th_a = 1 - th_b, by at most z = min(x_a / th_a, x_b / th_b) over positive th. Jobs with m_k <= q = s n-weighted
bandwidth are counted as partly moved, as in ``choices``: share 1/2 - m/2q, Jacobian s z n (s n)' / 2q. A power mean adds its
own curvature: between two types  dy / dlam = -(y + o)^(2 - p) / ((1 - p) w).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gavelopt.engine.prices.block import BLOCK, COMPILED, HUGE, read_block

STEEP = 2.0  # |th| counts at most this much in a bandwidth: types far outside the piece are rarely near


@njit(**COMPILED)
def needed(level, offset, bend):  # type: ignore[no-untyped-def]
    """(y, dy/dt): the throughput at which u = (y + o) / (1 + b y) reaches ``level``, and its slope."""
    if level <= offset:
        return 0.0, 0.0
    rest = 1.0 - bend * level
    return (level - offset) / rest, (1.0 - bend * offset) / (rest * rest)


@njit(**COMPILED)
def wanted(rise, run, weight, offset, power):  # type: ignore[no-untyped-def]
    """y where the marginal utility weight (y + offset)^(power - 1) equals the slope rise / run; HUGE where nothing is paid."""
    if rise <= 0.0:
        return HUGE
    ratio = weight * run / rise
    if power == 0.0:
        return ratio - offset
    if power == -1.0:
        return np.sqrt(ratio) - offset
    if power == 0.5:
        return ratio * ratio - offset
    return ratio ** (1.0 / (1.0 - power)) - offset


@njit(**COMPILED)
def marginal(u, weight, power):  # type: ignore[no-untyped-def]
    """weight u^(power - 1), the worth of throughput at utility u."""
    if power == 0.0:
        return weight / u
    if power == -1.0:
        return weight / (u * u)
    if power == 0.5:
        return weight / np.sqrt(u)
    return weight * u ** (power - 1.0)


@njit(**COMPILED)
def next_corner(point, held, price, count, reached, paid, rise, run, to):  # type: ignore[no-untyped-def]
    """Of each job of a block the piece of least slope rise / run that leaves its corner (reached, paid), and its end."""
    types = len(price)
    use, y, cost = held[:count], reached[:count], paid[:count]
    up, along, end = rise[:count], run[:count], to[:count]
    up[:] = 1.0
    along[:] = 0.0
    end[:] = types
    for j in range(types):
        toll, name, column = price[j], float(j), point[j]
        for i in range(count):
            gain, extra = column[i] - y[i], use[i] * toll - cost[i]
            flatter = (gain > 0.0) & (extra * along[i] < up[i] * gain)
            up[i] = extra if flatter else up[i]
            along[i] = gain if flatter else along[i]
            end[i] = name if flatter else end[i]


@njit(**COMPILED)
def walk(point, held, price, count, power, weight, offset, target, reached, paid, rise, run, corner, to):  # type: ignore[no-untyped-def]
    """Walk every job of a block to its target: level needs are given in ``target``, wants of a power mean are put there."""
    types = len(price)
    reached[:count] = 0.0
    paid[:count] = 0.0
    corner[:count] = types
    moving = True
    while moving:
        next_corner(point, held, price, count, reached, paid, rise, run, to)
        moving = False
        for i in range(count):
            k = int(to[i])
            if k == types:
                continue
            goal = target[i] if power == -np.inf else wanted(rise[i], run[i], weight[i], offset[i], power)
            if power != -np.inf:
                target[i] = goal
            if goal > point[k, i] or (goal == point[k, i] and power != -np.inf):
                reached[i], paid[i], corner[i] = point[k, i], held[i] * price[k], k
                moving = True


@njit(**COMPILED)
def settle(count, types, power, weight, offset, target, reached, rise, run, corner, to, share, worth):  # type: ignore[no-untyped-def]
    """After the walk: share x_b and worth lam of every job of a block; at a corner of the hull to = R and x_b = 0."""
    for i in range(count):
        if to[i] < types and target[i] > reached[i]:
            share[i] = (target[i] - reached[i]) / run[i]
            worth[i] = rise[i] / run[i]
            continue
        share[i] = 0.0
        if power == -np.inf:
            worth[i] = rise[i] / run[i] if to[i] < types else 0.0
        else:
            worth[i] = marginal(reached[i] + offset[i], weight[i], power) if weight[i] > 0.0 else 0.0
        to[i] = types


@njit(**COMPILED)
def closest(point, held, price, width, count, reached, paid, corner, to, worth, least):  # type: ignore[no-untyped-def]
    """Of every job of a block the least (reduced cost / s_i - h_k) over the types k outside its basis, idle among them."""
    types = len(price)
    use, lam, a, b, low = held[:count], worth[:count], corner[:count], to[:count], least[:count]
    y, cost = reached[:count], paid[:count]
    for i in range(count):
        low[i] = (lam[i] * y[i] - cost[i]) / use[i] if a[i] != types and b[i] != types else HUGE
    for k in range(types):
        name, toll, room, column = float(k), price[k], width[k], point[k]
        for i in range(count):
            margin = toll - room - (cost[i] + lam[i] * (column[i] - y[i])) / use[i]
            other = (a[i] != name) & (b[i] != name)
            low[i] = min(low[i], margin if other else HUGE)


@njit(**COMPILED)
def near_bases(point, use, price, width, i, a, b, x_b, lam, shift, jacobian, touched, way):  # type: ignore[no-untyped-def]
    """Add the moves of job ``i`` of the block to the types that nearly enter; returns how many there are."""
    types = len(price)
    base = point[a, i] if a < types else 0.0
    run = point[b, i] - base
    nu = (use * price[a] if a < types else 0.0) - lam * base
    near = 0
    for count_only in (True, False):
        fair = 2.0 / (near + 1.0)
        for k in range(types + 1):
            if k in (a, b):
                continue
            at, cost = (point[k, i], use * price[k]) if k < types else (0.0, 0.0)
            if k < types and at <= 0.0:
                continue
            th_b = (at - base) / run
            th_a = 1.0 - th_b
            reach = use * (width[k] + min(abs(th_a), STEEP) * width[a] + min(abs(th_b), STEEP) * width[b])
            margin = cost - lam * at - nu
            if margin > reach or reach <= 0.0:
                continue
            if count_only:
                near += 1
                continue
            most = min((1.0 - x_b) / th_a if th_a > 0.0 else HUGE, x_b / th_b if th_b > 0.0 else HUGE)
            move = fair * use * most
            part = 0.5 - 0.5 * max(margin, 0.0) / reach
            rate = 0.5 * move * use / reach
            way[0], way[1], way[2] = 1.0, -th_a, -th_b
            touched[0], touched[1], touched[2] = k, a, b
            for c in range(3):
                shift[touched[c]] += move * part * way[c]
                for d in range(3):
                    jacobian[touched[c], touched[d]] += rate * way[c] * way[d]
        if near == 0:
            break
    return near


@njit(**COMPILED)
def look_hulls(  # type: ignore[no-untyped-def]
    table, gain, use, rows, first, last, price, power, level, weights, offsets, bends, width, mark,
    demand, drift, spread, shift, jacobian,
):  # fmt: skip
    """One pass over jobs first..last.

    Adds to demand, drift (d demand / d level), spread, shift (R+1,) and jacobian (R+1, R+1). mark gets 1 where the basis
    may change within the bandwidth; it may be empty. Returns (cost, its slope dK/dt, near moves).
    """
    types = table.shape[1]
    point, held = np.empty((types, BLOCK)), np.empty(BLOCK)
    weight, offset, bend = np.ones(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK)
    target, steepness, share, worth = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    reached, paid, rise, run = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    corner, to, least = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    touched, way = np.zeros(3, dtype=np.int64), np.zeros(3)
    held_by, in_b, square, turned = np.zeros((4, (types + 1) * (types + 1)))
    widest = width.max()
    total, slope, events = 0.0, 0.0, 0
    for start in range(first, last, BLOCK):
        count = min(BLOCK, last - start)
        read_block(table, gain, use, rows, start, count, point, held)
        read_jobs(rows, start, count, weights, offsets, bends, weight, offset, bend)
        if power == -np.inf:
            for i in range(count):
                target[i], steepness[i] = needed(level, offset[i], bend[i])
        walk(point, held, price, count, power, weight, offset, target, reached, paid, rise, run, corner, to)
        settle(count, types, power, weight, offset, target, reached, rise, run, corner, to, share, worth)
        for i in range(count):
            pair = int(corner[i]) * (types + 1) + int(to[i])
            s, x_b = held[i], share[i]
            held_by[pair] += s
            in_b[pair] += s * x_b
            square[pair] += s * s * x_b * (1.0 - x_b)
            spread[int(corner[i])] += s * s * (1.0 - x_b)
            spread[int(to[i])] += s * s * x_b
            total += paid[i] + rise[i] * x_b
            if power == -np.inf:
                slope += worth[i] * steepness[i]
            if x_b > 0.0:
                if power == -np.inf:
                    turned[pair] += s * steepness[i] / run[i]
                else:
                    turn = s / run[i]
                    turned[pair] += turn * turn * (target[i] + offset[i]) / worth[i]
        if widest == 0.0:
            continue
        closest(point, held, price, width, count, reached, paid, corner, to, worth, least)
        for i in range(count):
            a, b = int(corner[i]), int(to[i])
            if share[i] > 0.0 and least[i] <= STEEP * (width[a] + width[b]):
                near = near_bases(
                    point, held[i], price, width, i, a, b, share[i], worth[i], shift, jacobian, touched, way
                )
                events += near
                if near > 0 and len(mark) > 0:
                    mark[start + i] = np.uint8(1)
    scatter_pairs(types, power, held_by, in_b, square, turned, demand, drift, spread, jacobian)
    return total, slope, events


@njit(**COMPILED)
def scatter_pairs(types, power, held_by, in_b, square, turned, demand, drift, spread, jacobian):  # type: ignore[no-untyped-def]
    """Sums by pair of types (a, b) as sums by type: s (1 - x_b) to a and s x_b to b, likewise the rest."""
    for a in range(types + 1):
        for b in range(types + 1):
            pair = a * (types + 1) + b
            demand[a] += held_by[pair] - in_b[pair]
            demand[b] += in_b[pair]
            spread[a] -= square[pair]
            spread[b] -= square[pair]
            if power == -np.inf:
                drift[a] -= turned[pair]
                drift[b] += turned[pair]
                continue
            rate = turned[pair] / (1.0 - power)
            jacobian[a, a] += rate
            jacobian[b, b] += rate
            jacobian[a, b] -= rate
            jacobian[b, a] -= rate


@njit(**COMPILED)
def satisfied(y, weight, offset, power):  # type: ignore[no-untyped-def]
    """weight phi(y + offset), phi = log for power 0, u^power / power otherwise; 0 for a job that does not count."""
    if weight == 0.0:
        return 0.0
    u = y + offset
    return weight * np.log(u) if power == 0.0 else u * marginal(u, weight, power) / power


@njit(**COMPILED)
def total_satisfied(reach, weight, offset, power):  # type: ignore[no-untyped-def]
    """Sum of ``satisfied`` over jobs."""
    total = 0.0
    for i in range(len(reach)):
        total += satisfied(reach[i], weight[i], offset[i], power)
    return total


@njit(**COMPILED)
def read_jobs(rows, start, count, weights, offsets, bends, weight, offset, bend):  # type: ignore[no-untyped-def]
    """The utility parameters of a block; an empty array leaves the default."""
    for i in range(count):
        row = rows[start + i] if len(rows) > 0 else start + i
        if len(weights) > 0:
            weight[i] = weights[row]
        if len(offsets) > 0:
            offset[i] = offsets[row]
        if len(bends) > 0:
            bend[i] = bends[row]


@njit(**COMPILED)
def place_hulls(  # type: ignore[no-untyped-def]
    table, gain, use, rows, first, last, price, power, level, weights, offsets, bends,
    from_type, to_type, share, reach, worth, demand,
):  # fmt: skip
    """The same walk, written out: a, b, x_b, y and lam of every job; a or b is R for idle. Arrays are (jobs,).

    Adds to demand (R+1,); returns (d cost / d level, sum of utilities).
    """
    types = table.shape[1]
    point, held = np.empty((types, BLOCK)), np.empty(BLOCK)
    weight, offset, bend = np.ones(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK)
    target, steepness = np.empty(BLOCK), np.empty(BLOCK)
    reached, paid, rise, run = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    corner, to, x_b, lam = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    slope, utility = 0.0, 0.0
    for start in range(first, last, BLOCK):
        count = min(BLOCK, last - start)
        read_block(table, gain, use, rows, start, count, point, held)
        read_jobs(rows, start, count, weights, offsets, bends, weight, offset, bend)
        if power == -np.inf:
            for i in range(count):
                target[i], steepness[i] = needed(level, offset[i], bend[i])
        walk(point, held, price, count, power, weight, offset, target, reached, paid, rise, run, corner, to)
        settle(count, types, power, weight, offset, target, reached, rise, run, corner, to, x_b, lam)
        for i in range(count):
            a, b = int(corner[i]), int(to[i])
            from_type[start + i], to_type[start + i], share[start + i] = a, b, x_b[i]
            y = reached[i] + x_b[i] * run[i]
            reach[start + i], worth[start + i] = y, lam[i]
            demand[a] += held[i] * (1.0 - x_b[i])
            demand[b] += held[i] * x_b[i]
            if power == -np.inf:
                slope += lam[i] * steepness[i]
            else:
                utility += satisfied(y, weight[i], offset[i], power)
    return slope, utility
