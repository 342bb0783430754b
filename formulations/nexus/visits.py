"""Prices for the bound on split packings: column generation over rates and visits.

    minimise    sum_p c_p x_p
    subject to  sum_p min(1, b_kp / (d_p R_k)) x_p >= 1           every session k        (price A_k)
                sum_{p with b_kp >= 1} x_p >= ceil(R_k / T_k)     every session k        (price B_k)

The second row is what the linear relaxation of the split problem lacks: alone, the first gives no more than sum_k R_k / T_k.
Columns are duty cycles over the intervals of gavelopt/judge/packing_visits.py, which also proves the bound from the prices.
Pricing takes each interval as a knapsack with one choice of batch per session: lists of undominated (time, price) states.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

import gavelopt as go
from formulations.nexus.covering import Covered, Covering

PER_ROUND = 60
SHARE = 0.5
MOST_STATES = 400_000
EPSILON = 1e-7

Table = tuple[
    go.IntArray, go.IntArray, go.FloatArray, go.IntArray
]  # start, time, part of the rate, room of each interval


def visit_prices(
    instance: go.PackingInstance, price: go.IntArray, enough: float, seconds_left: Callable[[], float]
) -> tuple[go.packing.VisitPrices, float]:
    """Prices of rates and visits, and the bound that they prove in millionths (about: the judge finds it exactly).

    enough: in millionths; pricing ends as soon as the prices prove more, or as the program shows that none can.
    """
    members = np.flatnonzero(instance.sessions.rate_urps > 0)
    unit = max(float(price.max(initial=0)), 1e-9)
    tables = [_table(instance, members, t) for t in range(len(price))]
    n = len(members)
    program = Covering(np.concatenate([np.ones(n), go.packing.visits_needed(instance)[members]]))
    while True:
        found = program.solve()
        best, more = 0.0, 0
        for t, table in enumerate(tables):
            if seconds_left() <= 0:
                return _proof(instance, members, found, unit), 0.0
            rows, picks, excess = _pricing(*table, found.y[:n], found.y[n:], float(price[t]) / unit)
            best = max(best, float(excess.max(initial=0.0)) / max(float(price[t]) / unit, 1e-9))
            for row in np.argsort(-excess, kind="stable")[:PER_ROUND]:
                if excess[row] > EPSILON:
                    _add(program, table, int(rows[row]), picks[row], float(price[t]) / unit, n)
                    more += 1
        # scaled down until they are sound, the prices prove this much; no prices prove more than the value
        proves = found.value / (1.0 + best) * unit
        settled = proves > enough + 1e-3 * unit or (found.artificial < EPSILON and found.value * unit <= enough)
        if settled or not more:
            return _proof(instance, members, found, unit), proves


def _table(instance: go.PackingInstance, members: go.IntArray, accelerator: int) -> Table:
    """Batches of every interval and member: row i n + k."""
    first, last = go.packing.duty_intervals(instance, accelerator)
    start, times, parts = [0], [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
    for i in range(len(first)):
        for k in members:
            time, part = go.packing.interval_batches(instance, int(k), accelerator, int(first[i]), int(last[i]))
            start.append(start[-1] + len(time))
            times.append(time)
            parts.append(part)
    return np.array(start), np.concatenate(times), np.concatenate(parts), last


def _add(program: Covering, table: Table, row: int, picks: go.IntArray, cost: float, n: int) -> None:
    taken = np.flatnonzero(picks >= 0)
    part = table[2][picks[taken]]
    program.add(cost, [*taken.tolist(), *(n + taken).tolist()], [*part.tolist(), *np.ones(len(taken)).tolist()])


def _proof(instance: go.PackingInstance, members: go.IntArray, found: Covered, unit: float) -> go.packing.VisitPrices:
    n = len(members)
    rates, visits = (np.zeros(len(instance.sessions), dtype=np.int64) for _ in range(2))
    rates[members] = np.floor(found.y[:n] * unit * 1e3)
    visits[members] = np.floor(found.y[n:] * unit * 1e3)
    return go.packing.VisitPrices(rates=rates, visits=visits)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _pricing(start: Any, time: Any, part: Any, room: Any, rate: Any, visit: Any, cost: float) -> Any:
    """(intervals, (m, n) position of each session's batch or -1, excess over cost), for intervals that exceed it."""
    n, m = len(rate), len(room)
    picks, excess = np.full((m, n), -1, np.int64), np.zeros(m)
    pool, paid = np.empty((4, MOST_STATES), np.int64), np.empty(MOST_STATES)
    best = 0.0
    for i in range(m):
        floor = cost + max(SHARE * best, EPSILON)
        worth = _interval(i, n, start, time, part, room[i], rate, visit, floor, picks[i], pool, paid)
        if worth > floor:
            excess[i] = worth - cost
            best = max(best, excess[i])
    rows = np.flatnonzero(excess > 0)
    return rows, picks[rows], excess[rows]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _interval(
    i: int,
    n: int,
    start: Any,
    time: Any,
    part: Any,
    room: int,
    rate: Any,
    visit: Any,
    floor: float,
    picks: Any,
    pool: Any,
    paid: Any,
) -> Any:
    """The dearest duty cycle of one interval where it exceeds ``floor``; its batches are written to ``picks``.

    pool, paid: room for states: time used, state before, batch, session; and what it earns.
    """
    ratio, most = np.zeros(n), np.zeros(n)
    for k in range(n):
        for at in range(start[i * n + k], start[i * n + k + 1]):
            worth = rate[k] * part[at] + visit[k]
            ratio[k] = max(ratio[k], worth / time[at])
            most[k] = max(most[k], worth)
    order = np.argsort(-ratio)
    rest = np.zeros(n + 1)
    for place in range(n - 1, -1, -1):
        rest[place] = rest[place + 1] + most[order[place]]
    if min(rest[0], ratio[order[0]] * room) <= floor:
        return floor
    used, parent, batch, owner = pool[0], pool[1], pool[2], pool[3]
    used[0], paid[0], parent[0] = 0, 0.0, -1
    states, live, best, end = 1, np.zeros(1, np.int64), floor, -1
    for place in range(n):
        k = order[place]
        ahead = ratio[order[place + 1]] if place + 1 < n else 0.0
        first = states
        for state in live:
            for at in range(start[i * n + k], start[i * n + k + 1]):
                total, worth = used[state] + time[at], paid[state] + rate[k] * part[at] + visit[k]
                if total > room or worth + min(rest[place + 1], ahead * (room - total)) <= best:
                    continue
                if states == MOST_STATES:
                    break
                used[states], paid[states], parent[states], batch[states] = total, worth, state, at
                owner[states] = k
                if worth > best:
                    best, end = worth, states
                states += 1
        live = _undominated(
            np.concatenate((live, np.arange(first, states))), used, paid, rest[place + 1], ahead, room, best
        )
        if len(live) == 0:
            break
    while end > 0:
        picks[owner[end]] = batch[end]
        end = parent[end]
    return best


@njit(cache=True)  # type: ignore[untyped-decorator]
def _undominated(live: Any, used: Any, paid: Any, rest: float, ahead: float, room: int, best: float) -> Any:
    """States that can still beat ``best`` and of which no other takes less time and pays as much, by rising time."""
    ordered = live[np.argsort(used[live], kind="mergesort")]
    kept, count, top = np.empty(len(ordered), np.int64), 0, -1.0
    for state in ordered:
        if paid[state] > top + 1e-12:
            top = paid[state]
            if paid[state] + min(rest, ahead * (room - used[state])) > best:
                kept[count] = state
                count += 1
    return kept[:count]
