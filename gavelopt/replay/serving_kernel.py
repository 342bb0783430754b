"""The serving rules, compiled. One request after the other, in order of arrival (AlpaServe's fast simulator):

    1. Among the groups that host the model take the one whose last stage is free first; ties go to the lower group.
    2. Walk its stages:  t = max(t, clock_k) + latency_k,  from t = arrival.
    3. If  t + overhead - arrival <= SLO  the request is accepted and the clocks are written; otherwise it is dropped and
       leaves no trace.

Clocks start at 0 and are not moved forward while a group idles, so among idle groups the longest idle one is taken.
This is first come, first served with admission control; no queue has to be stored. The sums are taken in exactly this
order, so that a plain reading of the rules gives the same bits (no fast-math).
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(inline="always")
def _host_lists(config, mask, models, start, host):  # type: ignore[no-untyped-def]
    """Fill the groups that host each model, ascending: host[start[m]:start[m + 1]]."""
    at = 0
    for m in range(models):
        start[m] = at
        for g in range(config.shape[0]):
            if config[g] >= 0 and (mask[g, m >> 6] >> np.uint64(m & 63)) & np.uint64(1):
                host[at] = g
                at += 1
    start[models] = at


@njit(inline="always")
def _shortest(m, start, host, tail):  # type: ignore[no-untyped-def]
    """The hosting group whose last stage is free first, or -1."""
    first, last = start[m], start[m + 1]
    if first == last:
        return -1
    best = host[first]
    soonest = tail[best]
    for at in range(first + 1, last):
        clock = tail[host[at]]
        if clock < soonest:
            soonest, best = clock, host[at]
    return best


@njit(inline="always")
def _may_answer(arrival, slo, overhead, last_stage, free):  # type: ignore[no-untyped-def]
    """False where waiting for the last stage alone is too long: the same sums from a smaller first term, never wrong."""
    return free + last_stage + overhead - arrival <= slo


@njit(inline="always")
def _walk(arrival, clock, latency, stages, reached):  # type: ignore[no-untyped-def]
    """The time at which the request would leave the last stage; ``reached`` gets the time at every stage."""
    t = arrival
    for k in range(stages):
        if clock[k] > t:
            t = clock[k]
        t += latency[k]
        reached[k] = t
    return t


@njit(inline="always")
def _count(arrival, model, counted, slo, overhead, latency, stages, config, mask, limit, work):  # type: ignore[no-untyped-def]
    """(requests in time, sum of their latencies) of one placement; (-1, 0) once more than ``limit`` failed."""
    start, host, tail, clock, reached = work
    _host_lists(config, mask, slo.shape[0], start, host)
    tail[:] = 0.0
    clock[:] = 0.0
    good, failed, total = 0, 0, 0.0
    for r in range(arrival.shape[0]):
        m = model[r]
        counts = counted[0] <= r < counted[1]
        g = _shortest(m, start, host, tail)
        in_time = False
        if g >= 0:
            c = config[g]
            if _may_answer(arrival[r], slo[m], overhead, latency[m, c, stages[c] - 1], tail[g]):
                t = _walk(arrival[r], clock[g], latency[m, c], stages[c], reached)
                spent = t + overhead - arrival[r]
                in_time = spent <= slo[m]
            if in_time:
                tail[g] = t
                for k in range(stages[c]):
                    clock[g, k] = reached[k]
                if counts:
                    good += 1
                    total += spent
        if counts and not in_time:
            failed += 1
            if failed > limit:
                return -1, 0.0
    return good, total


@njit(inline="always")
def _room(models, groups, depth):  # type: ignore[no-untyped-def]
    return (
        np.empty(models + 1, np.int64),
        np.empty(models * groups + 1, np.int64),
        np.empty(groups, np.float64),
        np.empty((groups, depth), np.float64),
        np.empty(depth, np.float64),
    )


@njit(cache=True, nogil=True)
def count_good(arrival, model, counted, slo, overhead, latency, stages, config, mask, limit, best_only):  # type: ignore[no-untyped-def]
    """Requests in time of B placements, one after the other.

    arrival (N,) f8, model (N,) i4, counted (2,), slo (M,), latency (M, C, S), stages (C,); config (B, G) i4, -1 for no
    group; mask (B, G, W) u8, 64 models a word; limit: failures at which a placement is given up. With ``best_only`` the
    limit falls to that of the best placement so far, so that only placements at least as good are run to the end.
    Returns good (B,), -1 where given up, and latency (B,), the sum over the requests in time.
    """
    placements, groups = config.shape
    good, total = np.empty(placements, np.int64), np.empty(placements, np.float64)
    work = _room(slo.shape[0], groups, latency.shape[2])
    for b in range(placements):
        good[b], total[b] = _count(
            arrival, model, counted, slo, overhead, latency, stages, config[b], mask[b], limit, work
        )
        if best_only and good[b] >= 0:
            limit = min(limit, counted[1] - counted[0] - good[b])
    return good, total


@njit(cache=True, nogil=True)
def trace(arrival, model, slo, overhead, latency, stages, config, mask, group, spent):  # type: ignore[no-untyped-def]
    """One placement in full: group (N,) that served each request (-1: dropped), spent (N,) seconds (NaN: dropped)."""
    start, host, tail, clock, reached = _room(slo.shape[0], config.shape[0], latency.shape[2])
    _host_lists(config, mask, slo.shape[0], start, host)
    tail[:] = 0.0
    clock[:] = 0.0
    for r in range(arrival.shape[0]):
        m = model[r]
        group[r], spent[r] = -1, np.nan
        g = _shortest(m, start, host, tail)
        if g < 0:
            continue
        c = config[g]
        if not _may_answer(arrival[r], slo[m], overhead, latency[m, c, stages[c] - 1], tail[g]):
            continue
        t = _walk(arrival[r], clock[g], latency[m, c], stages[c], reached)
        if t + overhead - arrival[r] <= slo[m]:
            tail[g] = t
            for k in range(stages[c]):
                clock[g, k] = reached[k]
            group[r], spent[r] = g, t + overhead - arrival[r]


@njit(cache=True, nogil=True)
def outcomes(group, model, counted, groups, models):  # type: ignore[no-untyped-def]
    """From the groups of ``trace``: (G,) counted requests served by each group, (M,) of each model left unserved."""
    served, missed = np.zeros(groups, np.int64), np.zeros(models, np.int64)
    for r in range(counted[0], counted[1]):
        if group[r] >= 0:
            served[group[r]] += 1
        else:
            missed[model[r]] += 1
    return served, missed
