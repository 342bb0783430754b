"""The serving rules for many placements of the same groups at once, compiled: a lane for each placement.

All lanes meet a request together and go through the rules of ``serving_kernel.py`` step by step. A step is one pass over
the lanes without a branch, which the processor's vector units do for several lanes at a time. The sums are the same in
the same order, so are the bits. At given requests (``edges``) the lanes that can no longer serve enough are closed and
the others move together. What a request's lanes go through:

    soonest, group    when the hosting group whose last stage is free first is free, and which it is (ties: the lower)
    reached           for every group, when the request would leave its stages
    group = ~g        where it was accepted by g; there the clocks of g become ``reached``
"""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 1024  # their clocks stay in the cache next to the processor


@njit(cache=True, nogil=True)
def _nearer(g, bit, hosted, free, soonest, group):  # type: ignore[no-untyped-def]
    """Where g hosts the model and is free before the groups so far, it is the one to ask."""
    for lane in range(group.shape[0]):
        when = free[lane] if hosted[lane] & bit else np.inf
        earlier = when < soonest[lane]
        soonest[lane] = when if earlier else soonest[lane]
        group[lane] = g if earlier else group[lane]


@njit(cache=True, nogil=True)
def _pass(t, clock, latency, reached):  # type: ignore[no-untyped-def]
    """Through one stage."""
    for lane in range(t.shape[0]):
        reached[lane] = (clock[lane] if clock[lane] > t[lane] else t[lane]) + latency


@njit(cache=True, nogil=True)
def _accept(g, arrival, slo, overhead, reached, clock, group):  # type: ignore[no-untyped-def]
    """Where g is asked and would answer in time: accepted, and its last stage is busy until then."""
    for lane in range(group.shape[0]):
        accepted = (group[lane] == g) & (reached[lane] + overhead - arrival <= slo)
        clock[lane] = reached[lane] if accepted else clock[lane]
        group[lane] = ~g if accepted else group[lane]


@njit(cache=True, nogil=True)
def _occupy(g, group, reached, clock):  # type: ignore[no-untyped-def]
    """Where g accepted, another of its stages is busy until the request leaves it."""
    for lane in range(group.shape[0]):
        clock[lane] = reached[lane] if group[lane] == ~g else clock[lane]


@njit(cache=True, nogil=True)
def _count(group, good):  # type: ignore[no-untyped-def]
    for lane in range(group.shape[0]):
        good[lane] += group[lane] < 0


@njit(cache=True, nogil=True)
def _request(arrival, bit, slo, overhead, latency, start, lanes, n):  # type: ignore[no-untyped-def]
    """One request in the first n lanes; its latency (K,) on the stages, those of group g from start[g] to start[g + 1]."""
    hosted, clock, soonest, group, reached = lanes
    soonest[:n] = np.inf
    group[:n] = hosted.shape[0]  # nobody
    for g in range(hosted.shape[0]):
        _nearer(g, bit, hosted[g, :n], clock[start[g + 1] - 1, :n], soonest[:n], group[:n])
    came = soonest[:n]
    came[:] = arrival
    for g in range(hosted.shape[0]):
        t, last = came, start[g + 1] - 1
        for k in range(start[g], last + 1):
            _pass(t, clock[k, :n], latency[k], reached[k, :n])
            t = reached[k, :n]
        _accept(g, arrival, slo, overhead, t, clock[last, :n], group[:n])
        for k in range(start[g], last):
            _occupy(g, group[:n], reached[k, :n], clock[k, :n])


@njit(cache=True, nogil=True)
def _hope(lane, e, outlook, hosted, clock):  # type: ignore[no-untyped-def]
    """The most counted requests that a lane can still serve from edge e on."""
    unit, base, worth, kind, stage, origin, width = outlook
    total = base[e]
    for g in range(hosted.shape[0]):
        c = kind[g]
        j = int(max(0.0, clock[stage[g], lane] - origin[c, e]) / width[c])
        total += worth[c, e, hosted[g, lane], min(j, worth.shape[3] - 1)]
    return total // unit


@njit(cache=True, nogil=True)
def _close(need, e, outlook, placement, good, hosted, clock, n):  # type: ignore[no-untyped-def]
    """Of the first n lanes keep those that can still serve ``need`` requests; how many."""
    kept = 0
    for lane in range(n):
        if good[lane] + _hope(lane, e, outlook, hosted, clock) < need:
            continue
        if kept < lane:
            placement[kept], good[kept] = placement[lane], good[lane]
            for g in range(hosted.shape[0]):
                hosted[g, kept] = hosted[g, lane]
            for k in range(clock.shape[0]):
                clock[k, kept] = clock[k, lane]
        kept += 1
    return kept


@njit(cache=True, nogil=True)
def count_alike(requests, slo, overhead, latency, start, mask, need, edges, outlook, found):  # type: ignore[no-untyped-def]
    """Fill found (B,): requests in time of B placements of the same G groups; -1 where fewer than ``need`` are left.

    requests: arrival (N,), model (N,), counted (2,); slo (M,); latency (M, K) on the stages of all groups, one group after
    the other: those of group g from start[g] to start[g + 1]; mask (B, G) i8, the models of each group as a binary number;
    edges (E + 1,) from 0 to N; outlook: unit, base, worth, kind, stage (G,) among all stages, origin, width of Outlook.
    """
    arrival, model, counted = requests
    hosted, clock = np.empty((mask.shape[1], LANES), np.int64), np.empty((latency.shape[1], LANES))
    soonest, group, reached = np.empty(LANES), np.empty(LANES, np.int64), np.empty((latency.shape[1], LANES))
    lanes = hosted, clock, soonest, group, reached
    found[:] = -1
    for first in range(0, mask.shape[0], LANES):
        placement = np.arange(first, min(first + LANES, mask.shape[0]))
        n = placement.shape[0]
        good = np.zeros(n, np.int64)
        clock[:] = 0.0
        for g in range(mask.shape[1]):
            hosted[g, :n] = mask[first : first + n, g]
        for e in range(edges.shape[0] - 1):
            n = _close(need, e, outlook, placement, good, hosted, clock, n)
            for r in range(edges[e], edges[e + 1] if n else edges[e]):
                m = model[r]
                _request(arrival[r], 1 << m, slo[m], overhead, latency[m], start, lanes, n)
                if counted[0] <= r < counted[1]:
                    _count(group[:n], good[:n])
        for lane in range(n):
            if good[lane] >= need:
                found[placement[lane]] = good[lane]
