"""Serving with batches, compiled. Requests wait in one queue a model; a group starts a batch when its first stage is free.

Whenever a group's first stage is free and requests wait (checked at every arrival and whenever a first stage frees, the
groups by the time they became free, ties by position):

    1. among the models it hosts take the one whose oldest waiting request is oldest (ties: the lower model)
    2. drop requests from the head of that queue that could not meet their objective even alone, starting now
    3. take the largest measured batch that the queue fills and that still answers the head in time
    4. the batch passes the stages one after the other; all its requests are answered together

A batch has requests of one model only. Nothing is dropped on arrival. What differs from the release: when a free group
finds no work, the other free groups are still asked (the release stops there).
Reference: AlpaServe, OSDI 2023, section 6.5 (dynamic batching).
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(inline="always")
def _finish(now, clock, latency, stages, reached):  # type: ignore[no-untyped-def]
    t = now
    for k in range(stages):
        if clock[k] > t:
            t = clock[k]
        t += latency[k]
        reached[k] = t
    return t


@njit(cache=True, nogil=True)
def _oldest(hosted, queue, head, tail, arrival):  # type: ignore[no-untyped-def]
    """The hosted model whose oldest waiting request is oldest, or -1."""
    best, since = -1, np.inf
    for m in range(head.shape[0]):
        if hosted[m] and head[m] < tail[m] and arrival[queue[head[m]]] < since:
            best, since = m, arrival[queue[head[m]]]
    return best


@njit(cache=True, nogil=True)
def _start(now, g, state, data, out):  # type: ignore[no-untyped-def]
    """Start one batch on group ``g`` if anything it hosts can still be answered in time; whether one was started."""
    queue, head, tail, clock, reached = state
    arrival, slo, overhead, latency, sizes, stages, config, hosted = data
    group, spent, batch = out
    c = config[g]
    while True:
        m = _oldest(hosted[g], queue, head, tail, arrival)
        if m < 0:
            return False
        first = queue[head[m]]
        waiting = tail[m] - head[m]
        for b in range(sizes.shape[0] - 1, -1, -1):
            if sizes[b] > waiting or latency[m, c, b, 0] <= 0.0:
                continue
            t = _finish(now, clock[g], latency[m, c, b], stages[c], reached)
            if t + overhead - arrival[first] <= slo[m]:
                for k in range(stages[c]):
                    clock[g, k] = reached[k]
                for place in range(head[m], head[m] + sizes[b]):
                    r = queue[place]
                    group[r], spent[r], batch[r] = g, t + overhead - arrival[r], sizes[b]
                head[m] += sizes[b]
                return True
        head[m] += 1  # not even alone: dropped


@njit(cache=True, nogil=True)
def serve_batches(arrival, model, slo, overhead, latency, sizes, stages, config, hosted, group, spent, batch):  # type: ignore[no-untyped-def]
    """One placement with batches.

    arrival (N,), model (N,), slo (M,); latency (M, C, B, S) stage latencies at the B batch ``sizes`` (1 first, rising), 0
    where unmeasured; stages (C,); config (G,), hosted (G, M). Fills group (N,), -1 where dropped; spent (N,) seconds,
    NaN where dropped; batch (N,) the size of the batch each was served in, 0 where dropped.
    """
    requests, models, groups = arrival.shape[0], slo.shape[0], config.shape[0]
    begin = np.zeros(models + 1, np.int64)
    for r in range(requests):
        begin[model[r] + 1] += 1
    for m in range(models):
        begin[m + 1] += begin[m]
    head, tail = begin[:models].copy(), begin[:models].copy()
    queue = np.empty(requests, np.int64)
    clock = np.zeros((groups, latency.shape[3]))
    state = (queue, head, tail, clock, np.empty(latency.shape[3]))
    data = (arrival, slo, overhead, latency, sizes, stages, config, hosted)
    group[:], spent[:], batch[:] = -1, np.nan, 0
    now, r = 0.0, 0
    while True:
        while r < requests and arrival[r] <= now:
            queue[tail[model[r]]] = r
            tail[model[r]] += 1
            r += 1
        for g in np.argsort(clock[:, 0], kind="mergesort"):
            if clock[g, 0] <= now:
                _start(now, g, state, data, (group, spent, batch))
        later = arrival[r] if r < requests else np.inf
        for g in range(groups):
            if now < clock[g, 0] < later:
                later = clock[g, 0]
        if later == np.inf:
            return
        now = later
