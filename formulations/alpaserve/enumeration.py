"""All clusters of given groups over a set of models, one compiled odometer; those that a cut proves too weak are left out.

A cluster is a connected set of groups: groups of the given shapes, each hosting a set of models that fits into its memory,
together hosting exactly the models S, and hanging together through shared models. Equal shapes are interchangeable, so
their model sets stand in ascending order.

Cut bound: whatever the dispatch does, for every A within S

    requests in time  <=  requests of A  +  sum over groups g of  u(shape_g, models_g without A)

where u bounds what one group can serve of the requests of some models. A cluster is passed on only if no cut proves that
it serves fewer than ``need`` requests.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(inline="always")
def _connected(mask, groups):  # type: ignore[no-untyped-def]
    """Whether the groups hang together through shared models."""
    reached, grown = mask[0], True
    while grown:
        grown = False
        for g in range(groups):
            if mask[g] & reached and mask[g] & ~reached:
                reached |= mask[g]
                grown = True
    apart = 0
    for g in range(groups):
        apart |= mask[g] & ~reached
    return apart == 0


@njit(inline="always")
def _survives(shape, mask, groups, whole, requests, most, need):  # type: ignore[no-untyped-def]
    """Whether every cut leaves at least ``need`` requests."""
    cut = whole
    while True:
        bound = requests[cut]
        for g in range(groups):
            bound += most[shape[g], mask[g] & ~cut]
        if bound < need:
            return False
        if cut == 0:
            return True
        cut = (cut - 1) & whole


@njit(inline="always")
def _advance(at, shape, count, groups):  # type: ignore[no-untyped-def]
    """The next position of the odometer (ascending among equal shapes); False after the last."""
    g = groups - 1
    while g >= 0:
        at[g] += 1
        if at[g] < count[shape[g]]:
            for h in range(g + 1, groups):
                at[h] = at[h - 1] if shape[h] == shape[h - 1] else 0
            return True
        g -= 1
    return False


@njit(cache=True, nogil=True)
def clusters(at, shape, choices, count, whole, requests, most, need, found):  # type: ignore[no-untyped-def]
    """Fill ``found`` (B, G) with the next clusters; return (how many, how many were looked at, whether that was all).

    at (G,) the odometer, moved on; shape (G,) ascending; choices (C, K) model sets of each shape, count (C,) how many;
    whole: the models S; requests (2^M,) requests of every set of models; most (C, 2^M) the bound u.
    """
    groups, filled, seen = shape.shape[0], 0, 0
    mask = np.empty(groups, np.int64)
    while filled < found.shape[0]:
        union = 0
        for g in range(groups):
            mask[g] = choices[shape[g], at[g]]
            union |= mask[g]
        seen += 1
        if union == whole and _connected(mask, groups) and _survives(shape, mask, groups, whole, requests, most, need):
            for g in range(groups):
                found[filled, g] = mask[g]
            filled += 1
        if not _advance(at, shape, count, groups):
            return filled, seen, True
    return filled, seen, False
