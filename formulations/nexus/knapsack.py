"""Repeated knapsack: fill one GPU after the other as well as any duty cycle allows.

    while residuals are left:  open the GPU (t, d, S) with the highest  sum_{k in S} phi_k / c_t
    phi_k = min over t, b of  c_t max( l(b) / (L_k - l(b)),  r_k l(b) / b )      the occupancy no plan can avoid

It is the pricing routine of the exact method with the occupancy bound as the value. It runs twice, and the cheaper packing
is kept: as above, and ``largest first``, where S must hold the residual of highest phi that is left (so that no large ones
remain when their partners are gone).

Beyond BLOCK residuals they are cut into blocks of similar longest cycle, because sessions share a GPU well where their
cycles agree, and only ``largest first`` runs; the GPUs that every block filled worst are opened again and packed together.
"""

from __future__ import annotations

import numpy as np

import gavelopt as go
from formulations.nexus.patterns import Knapsacks, knapsacks
from formulations.nexus.pricing import best_sets
from formulations.nexus.residuals import Bin, Residuals, cost_of, plan_of, residuals_of

BLOCK = 64  # residuals packed together; at 600 sessions 150 save no GPU in 100 and take four times as long
STEPS = 3000  # of the search of one knapsack; nearly equal values per time would keep it busy for nothing
REOPENED = 0.2  # part of a block's GPUs that goes into the second pass


def knapsack(problem: go.Problem) -> go.Answer:
    """Saturate, then repeated knapsack."""
    phase, residuals = residuals_of(problem)
    bins = repeated_knapsack(residuals)
    return go.Answer(np.zeros(0), plan=plan_of(phase, residuals, bins))


def repeated_knapsack(residuals: Residuals) -> list[Bin]:
    """The bins of the second phase."""
    value = go.packing.occupancy(residuals.instance, residuals.price, _all_rates(residuals))[residuals.members]
    value = np.maximum(value, 1.0)  # also where a GPU costs nothing every residual has to be placed
    everyone = np.arange(len(residuals))
    if len(residuals) <= BLOCK or (residuals.room < len(residuals)).all():
        both = [[gpu for gpu, _ in _fill(residuals, everyone, value, first)] for first in (False, True)]
        return min(both, key=lambda bins: cost_of(residuals, bins))
    settled: list[Bin] = []
    again: list[int] = []
    for block in _blocks(residuals):
        filled = sorted(_fill(residuals, block, value), key=lambda pair: -pair[1])
        keep = int(len(filled) * (1.0 - REOPENED))
        settled += [gpu for gpu, _ in filled[:keep]]
        again += [k for gpu, _ in filled[keep:] for k in gpu[2]]
    for block in _blocks(residuals, np.array(again, dtype=np.int64)):
        settled += [gpu for gpu, _ in _fill(residuals, block, value)]
    return settled


def _all_rates(residuals: Residuals) -> go.IntArray:
    rate = np.zeros(len(residuals.instance.sessions), dtype=np.int64)
    rate[residuals.members] = residuals.rate
    return rate


def _blocks(residuals: Residuals, members: go.IntArray | None = None) -> list[go.IntArray]:
    """Members by the longest cycle they bear alone, in blocks of at most BLOCK."""
    chosen = np.arange(len(residuals)) if members is None else members
    start, lasts, latency, _, budget = residuals.tables
    longest = np.zeros(len(chosen))
    for place, k in enumerate(chosen):
        for q in range(k * residuals.types, (k + 1) * residuals.types):
            rows = slice(start[q], start[q + 1])
            longest[place] = max(longest[place], np.minimum(lasts[rows], budget[q] - latency[rows]).max(initial=0))
    ordered = chosen[np.argsort(longest, kind="stable")]
    return np.array_split(ordered, max(1, -(-len(ordered) // BLOCK))) if len(ordered) else []


def _fill(
    residuals: Residuals, members: go.IntArray, value: go.FloatArray, largest_first: bool = True
) -> list[tuple[Bin, float]]:
    """GPUs for these members one after the other, each with its value per price."""
    table = knapsacks(residuals, members)
    room = residuals.room.copy()
    waiting, found = value[members].copy(), list[tuple[Bin, float]]()
    while (waiting > 0).any():
        sought = waiting.copy()
        if largest_first:
            sought[np.argmax(waiting)] += waiting.sum()
        chosen = _fullest(table, sought, room)
        if chosen is None:
            raise go.SolverError("the knapsack found no GPU left for a residual; the method 'exact' searches all plans")
        row, items = chosen
        worth = float(waiting[list(items)].sum()) / max(float(table.price[row]), 1e-9)
        found.append(((int(table.kind[row]), int(table.duty[row]), tuple(members[list(items)].tolist())), worth))
        room[table.kind[row]] -= 1
        waiting[list(items)] = 0.0
    return found


def _fullest(table: Knapsacks, waiting: go.FloatArray, room: go.IntArray) -> tuple[int, tuple[int, ...]] | None:
    """The set of highest value per price among all rows of types that still have GPUs."""
    best: tuple[float, int, tuple[int, ...]] | None = None
    for t in np.unique(table.kind):
        if room[t] <= 0:
            continue
        rows = np.flatnonzero(table.kind == t)
        part = Knapsacks(*(getattr(table, name)[rows] for name in table.__dataclass_fields__))
        scale = max(float(part.price[0]), 1e-9)
        found, _ = best_sets(part, waiting / scale, np.zeros(len(rows)), share=1.0, steps=STEPS)
        if found and (best is None or found[0][0] > best[0]):
            best = found[0][0], int(rows[found[0][1]]), found[0][2]
    return None if best is None else best[1:]
