"""All clusters of given groups over a set of models, one compiled tree; branches that a bound proves too weak are cut off.

A cluster is a connected set of groups: groups of the given shapes, each hosting a set of models that fits into its memory,
together hosting exactly the models S, and hanging together through shared models.

The tree decides one model after the other: on which groups it is hosted. Groups of one shape that host the same models so
far are interchangeable, so the first of them take the next model: every cluster is met exactly once. In a node group g
hosts within P_g: the models decided for it and the undecided ones that still fit. Whatever the dispatch does, for every A
within S (and S - A beside it)

    requests in time   <=   requests of A  +  sum over groups g of u_g(P_g - A)
    requests in time   <=   sum_r p_r      +  sum over groups g of W_g(P_g)

where u bounds what one group can serve of some models, and W what it can earn at the prices p (prices.py). A branch lives
while the bounds in use allow ``need`` requests. Several walkers may share a tree: the nodes with the first few models decided
are dealt round.
"""

from __future__ import annotations

import numpy as np
from numba import njit

DEALT = 3  # models decided in the nodes that are dealt round


@njit(inline="always")
def _connected(mask):  # type: ignore[no-untyped-def]
    """Whether the groups host something each and hang together through shared models."""
    reached, grown = mask[0], True
    while grown:
        grown = False
        for g in range(mask.shape[0]):
            if mask[g] & reached and mask[g] & ~reached:
                reached |= mask[g]
                grown = True
    apart = False
    for g in range(mask.shape[0]):
        apart = apart or mask[g] == 0 or mask[g] & ~reached != 0
    return not apart


@njit(inline="always")
def _apart(able, most, requests, need):  # type: ignore[no-untyped-def]
    """Whether every cut leaves at least ``need`` requests when each group serves on its own."""
    for cut in range(requests.shape[0]):
        bound = requests[cut]
        for g in range(able.shape[0]):
            bound += most[g, able[g] & ~cut]
        if bound < need:
            return False
    return True


@njit(inline="always")
def _worth(able, worth, base, unit, need):  # type: ignore[no-untyped-def]
    """Whether the prices leave at least ``need`` requests."""
    total = base
    for g in range(able.shape[0]):
        total += worth[g, able[g]]
    return total >= need * unit


@njit(inline="always")
def _choose(chosen, mask, fits, alike, bit):  # type: ignore[no-untyped-def]
    """Move on to the next set of groups that may take the model, from all of them on; False after the last."""
    size, g = mask.shape[0], mask.shape[0] - 1
    if chosen[0] < 0:
        g = -1
    else:
        while g >= 0 and chosen[g] == 0:
            g -= 1
        if g < 0:
            return False
        chosen[g] = 0
    for h in range(g + 1, size):
        twin = h > 0 and alike[h] and mask[h] == mask[h - 1]  # then only if the group before takes it
        chosen[h] = 1 if fits[h, mask[h] | bit] and not (twin and chosen[h - 1] == 0) else 0
    return chosen.max() > 0


@njit(inline="always")
def _mine(mask, deal):  # type: ignore[no-untyped-def]
    """Whether this walker goes on from a node. By the node alone: with ``need`` the walkers' trees change."""
    number = 0
    for g in range(mask.shape[0]):
        number = (31 * number + mask[g]) % 1009
    return number % deal[1] == deal[0]


@njit(inline="always")
def _put(names, mask, alike, row):  # type: ignore[no-untyped-def]
    """The cluster with the models' own positions, ascending among equal shapes."""
    for g in range(mask.shape[0]):
        value, h = names[mask[g]], g
        while h > 0 and alike[h] and row[h - 1] > value:
            row[h] = row[h - 1]
            h -= 1
        row[h] = value


@njit(cache=True, nogil=True)
def clusters(tree, deal, groups, bounds, need, budget, found):  # type: ignore[no-untyped-def]
    """Fill ``found`` (B, G) with the next clusters; (how many, nodes looked at, whether that was all).

    With s models in the order in which they are decided, sets of them as binary numbers:
    tree: level (1,), chosen and mask (s + 1, G): moved on; deal (2,): which of the walkers, of how many;
    groups: alike (G,) shape of the group before, fits (G, 2^s), names (2^s,) the set in the models' own positions;
    bounds: requests (2^s,) and most (G, 2^s) for u, worth (G, 2^s), base and unit for W.
    """
    level, chosen, mask = tree
    alike, fits, names = groups
    requests, most, worth, base, unit = bounds
    models, size = chosen.shape[0] - 1, mask.shape[1]
    able = np.empty(size, np.int64)
    filled, seen, t = 0, 0, level[0]
    while filled < found.shape[0] and seen < budget:
        if not _choose(chosen[t], mask[t], fits, alike, 1 << t):
            t -= 1
            if t < 0:
                return filled, seen, True
            continue
        seen += 1
        for g in range(size):
            mask[t + 1, g] = mask[t, g] | (chosen[t, g] << t)
            able[g] = mask[t + 1, g]
            for m in range(t + 1, models):
                if fits[g, mask[t + 1, g] | 1 << m]:
                    able[g] |= 1 << m
        if not _worth(able, worth, base, unit, need) or not _apart(able, most, requests, need):
            continue
        if t + 1 == min(DEALT, models) and not _mine(mask[t + 1], deal):
            continue
        if t + 1 < models:
            t += 1
            chosen[t, 0] = -1  # none yet
        elif _connected(mask[models]):
            _put(names, mask[models], alike, found[filled])
            filled += 1
    level[0] = t
    return filled, seen, False
