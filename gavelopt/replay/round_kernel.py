"""The compiled inner loop of a round: combinations take types in the order of their priorities."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def hand_out_round(order, types, members, gang, rates, free, placed, partner, slot):  # type: ignore[no-untyped-def]
    """Greedy with backfill: a combination is taken unless a member has a place, it cannot run there, or it does not fit.

    order: (R, C) combinations of each type, most urgent first; types: (R,) order in which types are visited; members (C, 2);
    gang (C,); rates (C, R, 2); free (R,) is used up. Writes placed (J,) type, partner (J,) and slot (J,) combination.
    """
    for kind in types:
        for c in order[kind]:
            a, b = members[c, 0], members[c, 1]
            if free[kind] < gang[c] or rates[c, kind, 0] <= 0.0 or placed[a] >= 0:
                continue
            if b >= 0 and (placed[b] >= 0 or rates[c, kind, 1] <= 0.0):
                continue
            free[kind] -= gang[c]
            placed[a], partner[a], slot[a] = kind, b, c
            if b >= 0:
                placed[b], partner[b], slot[b] = kind, a, c
            if free[kind] <= 0:
                break


@numba.njit(cache=True)
def most_urgent_first(priority, deficit, time):  # type: ignore[no-untyped-def]
    """(R, C) combinations of each type by (priority, deficit, X), all falling; ties as listed."""
    combinations, types = priority.shape
    order = np.empty((types, combinations), np.int64)
    for kind in range(types):
        by_time = np.argsort(-time[:, kind], kind="mergesort")
        by_deficit = by_time[np.argsort(-deficit[by_time, kind], kind="mergesort")]
        order[kind] = by_deficit[np.argsort(-priority[by_deficit, kind], kind="mergesort")]
    return order
