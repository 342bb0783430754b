"""All clusters of given groups over a set of models, one compiled tree; branches that a bound proves too weak are cut off.

A cluster is a connected set of groups: groups of the given shapes, each hosting a set of models that fits into its memory,
together hosting exactly the models S, and hanging together through shared models.

The tree decides one model after the other: on which groups it is hosted. Groups of one shape that host the same models so
far are interchangeable, so the first of them take the next model: every cluster is met exactly once. In a node group g
hosts within P_g: the models decided for it and the undecided ones that still fit. Whatever the dispatch does, for every A
within S (and S - A beside it)

    requests in time            <=  requests of A  +  sum over groups g of  u_g(P_g - A)
    those of a window [i, j)    <=  e_ij(A, groups that share a model with A)  +  e_ij(S - A, likewise)  =: b_ij(A)
    those from edge i on        <=  t_i = min over j > i of (min over A of b_ij(A)) + t_j,    t_K = 0

where u bounds what one group can serve of some models, and e what some groups can serve of the requests of a window
(relaxed.py): work left over from before the window is forgiven, so windows add up, and each may choose the A that is scarce
in it. t is the best way to cut the time at K + 1 given edges. A branch lives while the bound in use, u or t_0, allows
``need`` requests.
"""

from __future__ import annotations

import numpy as np
from numba import njit


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
def _touch(able, weight, touched):  # type: ignore[no-untyped-def]
    """The number of the groups (as a sub-multiset) that can host some of A, for every A."""
    touched[:] = 0
    for g in range(able.shape[0]):
        for some in range(touched.shape[0]):
            if able[g] & some:
                touched[some] += weight[g]


@njit(inline="always")
def _tighten(table, before, touched, bound):  # type: ignore[no-untyped-def]
    """b_ij for every window, where the groups that A can use have changed."""
    whole = touched.shape[0] - 1
    for some in range((whole + 1) // 2):
        other = whole ^ some
        if touched[some] == before[some] and touched[other] == before[other]:
            continue
        one, two = table[some, touched[some]], table[other, touched[other]]
        for w in range(bound.shape[0]):
            bound[w] = min(bound[w], np.int32(one[w] + two[w]))


@njit(inline="always")
def _together(bound, tail):  # type: ignore[no-untyped-def]
    """t_0 from b_ij."""
    windows = tail.shape[0] - 1
    at = bound.shape[0]
    tail[windows] = 0
    for i in range(windows - 1, -1, -1):
        at -= windows - i
        tail[i] = bound[at] + tail[i + 1]
        for j in range(i + 1, windows):
            tail[i] = min(tail[i], bound[at + j - i] + tail[j + 1])
    return tail[0]


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
def _put(names, mask, alike, row):  # type: ignore[no-untyped-def]
    """The cluster with the models' own positions, ascending among equal shapes."""
    for g in range(mask.shape[0]):
        value, h = names[mask[g]], g
        while h > 0 and alike[h] and row[h - 1] > value:
            row[h] = row[h - 1]
            h -= 1
        row[h] = value


@njit(cache=True, nogil=True)
def clusters(tree, groups, bounds, need, budget, found, rest):  # type: ignore[no-untyped-def]
    """Fill ``found`` (B, G) with the next clusters and ``rest`` (B, K + 1) with their t.

    Returns (how many, nodes looked at, whether that was all).

    With s models in the order in which they are decided, sets of them as binary numbers:
    tree: level (1,), chosen and mask (s + 1, G), touched (s + 1, 2^s), bound (s + 1, W), tail (K + 1,): moved on;
    groups: alike (G,) shape of the group before, weight (G,) of the group in the number of a sub-multiset, fits (G, 2^s),
    names (2^s,) the set in the models' own positions; bounds: requests (2^s,), most (G, 2^s), table (2^s, V, W).
    """
    level, chosen, mask, touched, bound, tail = tree
    alike, weight, fits, names = groups
    requests, most, table = bounds
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
        if bound.shape[1] == 0:
            if not _apart(able, most, requests, need):
                continue
        else:
            _touch(able, weight, touched[t + 1])
            bound[t + 1] = bound[t]
            _tighten(table, touched[t], touched[t + 1], bound[t + 1])
            if _together(bound[t + 1], tail) < need:
                continue
        if t + 1 < models:
            t += 1
            chosen[t, 0] = -1  # none yet
        elif _connected(mask[models]):
            _put(names, mask[models], alike, found[filled])
            rest[filled] = tail
            filled += 1
    level[0] = t
    return filled, seen, False
