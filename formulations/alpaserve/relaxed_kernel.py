"""The most requests that some groups can serve when they may choose: a relaxed decision diagram, compiled.

The system stands at the head of relaxed.py. Its states after some requests are (requests served, clock of every group). A
state is as good as another if it has served no fewer and no clock is later. Layer by layer every state is extended by all
ways to treat the next request, and states that another is as good as are dropped. If more than ``width`` are left, neighbours
are merged into one that is as good as both (the larger count, the earlier clocks). So the largest count is an upper
bound at any width, and the optimum where nothing had to be merged.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FAR = 1e7  # more requests than clocks can be ahead


@njit(cache=True, nogil=True)
def _as_good(clock, count, one, two):  # type: ignore[no-untyped-def]
    """Whether state ``one`` is as good as state ``two``."""
    late = count[one] < count[two]
    for g in range(clock.shape[1]):
        late = late or clock[one, g] > clock[two, g]
    return not late


@njit(cache=True, nogil=True)
def _copy(clock, count, to, other_clock, other_count, at):  # type: ignore[no-untyped-def]
    """State ``to`` becomes the other's state ``at``."""
    count[to] = other_count[at]
    for g in range(clock.shape[1]):
        clock[to, g] = other_clock[at, g]


@njit(cache=True, nogil=True)
def _keep(clock, count, states):  # type: ignore[no-untyped-def]
    """Add the state that stands behind the others unless one of them is as good; drop those that it is as good as."""
    for s in range(states):
        if _as_good(clock, count, s, states):
            return states
    kept = 0
    for s in range(states):
        if not _as_good(clock, count, states, s):
            _copy(clock, count, kept, clock, count, s)
            kept += 1
    _copy(clock, count, kept, clock, count, states)
    return kept + 1


@njit(cache=True, nogil=True)
def merge(clock, count, states, width, step, spare_clock, spare_count):  # type: ignore[no-untyped-def]
    """Merge the nearest neighbours, by count and then by the work ahead, until ``width`` states are left."""
    key, loss = np.zeros(states), np.zeros(states - 1)
    for s in range(states):
        _copy(spare_clock, spare_count, s, clock, count, s)
        key[s] = -count[s] * FAR
        for g in range(clock.shape[1]):
            key[s] += clock[s, g] / step[g]
    order = np.argsort(key)
    for s in range(states - 1):
        loss[s] = count[order[s]] - count[order[s + 1]]
        for g in range(clock.shape[1]):
            loss[s] += abs(clock[order[s], g] - clock[order[s + 1], g]) / step[g]
    joined, cheapest = np.zeros(states, np.bool_), np.argsort(loss)
    for s in range(states - width):
        joined[cheapest[s] + 1] = True
    kept = -1
    for s in range(states):
        at = order[s]
        if joined[s]:
            count[kept] = max(count[kept], spare_count[at])
            for g in range(clock.shape[1]):
                clock[kept, g] = min(clock[kept, g], spare_clock[at, g])
        else:
            kept += 1
            _copy(clock, count, kept, spare_clock, spare_count, at)
    return kept + 1


@njit(cache=True, nogil=True)
def _assign(clock, s, g, end, shape):  # type: ignore[no-untyped-def]
    """Group g is busy until ``end``; equal shapes stay in order of their clocks."""
    while g + 1 < shape.shape[0] and shape[g + 1] == shape[g] and clock[s, g + 1] < end:
        clock[s, g] = clock[s, g + 1]
        g += 1
    clock[s, g] = end


@njit(cache=True, nogil=True)
def _extend(clock, count, states, new_clock, new_count, a, m, due, groups):  # type: ignore[no-untyped-def]
    """All ways to treat a request of model m that arrives at a; the number of new states."""
    able, _, step, head, shape = groups
    found = 0
    for s in range(states):
        refused = True
        for g in range(shape.shape[0]):
            if not able[m, g] or (g > 0 and shape[g - 1] == shape[g]):
                continue
            end = max(a + head[g], clock[s, g]) + step[g]
            if end <= due[g]:
                refused = False
                _copy(new_clock, new_count, found, clock, count, s)
                _assign(new_clock, found, g, end, shape)
                new_count[found] += 1
                found = _keep(new_clock, new_count, found)
        if refused:
            _copy(new_clock, new_count, found, clock, count, s)
            found = _keep(new_clock, new_count, found)
    return found


@njit(cache=True, nogil=True)
def _serve(arrival, model, groups, width, edges, most, states):  # type: ignore[no-untyped-def]
    """most[e]: how many of the requests from edges[0] to edges[e + 1] can be served."""
    able, last, step, head, _ = groups
    old_clock, old_count, new_clock, new_count = states
    due, number = np.full(head.shape[0], -np.inf), 1
    old_clock[0], old_count[0] = 0.0, 0
    for e in range(most.shape[0]):
        for r in range(edges[e], edges[e + 1]):
            m, a = model[r], arrival[r]
            for g in range(head.shape[0]):
                if able[m, g]:
                    due[g] = max(due[g], a + last[m, g])
                for s in range(number):
                    old_clock[s, g] = max(old_clock[s, g], a + head[g])
            number = _extend(old_clock, old_count, number, new_clock, new_count, a, m, due, groups)
            if number > width:
                number = merge(new_clock, new_count, number, width, step, old_clock, old_count)
            old_clock, old_count, new_clock, new_count = new_clock, new_count, old_clock, old_count
        for s in range(number):
            most[e] = max(most[e], old_count[s])


@njit(cache=True, nogil=True)
def most_in_windows(arrival, model, groups, width, edges, most):  # type: ignore[no-untyped-def]
    """Fill most[i, j] for i <= j: how many of the requests from edges[i] to edges[j + 1] can be served.

    arrival, model (N,); groups: able, last (M, G), step, head (G,), shape (G,) ascending, every group able to serve some
    model; edges (K + 1,), most (K, K).
    """
    size = groups[4].shape[0]
    room = width * (size + 1) + 1
    states = np.zeros((room, size)), np.zeros(room, np.int64), np.zeros((room, size)), np.zeros(room, np.int64)
    for i in range(most.shape[0]):
        _serve(arrival, model, groups, width, edges[i:], most[i, i:], states)
