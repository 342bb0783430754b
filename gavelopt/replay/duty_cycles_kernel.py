"""One GPU that serves its sessions round robin, compiled.

The GPU visits its sessions in turn. On a visit at time t it takes a batch of at most b_k of the requests that are ready:

    drop = NONE     the oldest ones, whatever became of their objective
    drop = LAZY     (Clipper) requests that cannot make it even alone are dropped; the batch is as large as the oldest of the
                    others allows:  t + l(n) <= its deadline
    drop = EARLY    (Nexus) the first request whose budget covers the full window of n = min(b_k, what waits behind it) leads
                    the batch; everything before it is dropped

    pacing = FREE   work-conserving: the next visit starts when the batch ends; an idle GPU waits for the next request
    pacing = CYCLE  session k is visited at  j d + sum of the planned latencies before it,  or later if the GPU is late

A batch of n takes l(n), times what its contents weigh (their mean, or the heaviest), plus CPU work where that is not
overlapped. The scheduler plans with l(n): it does not see the contents. All times in microseconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

NONE, LAZY, EARLY = 0, 1, 2
FREE, CYCLE = 0, 1
DROPPED = -1.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def serve(
    start: Any,
    ready: Any,
    deadline: Any,
    content: Any,
    table: Any,
    latency: Any,
    most: Any,
    duty: float,
    drop: int,
    pacing: int,
    heaviest: bool,
    per_request: float,
) -> Any:
    """(end of the batch of every request, DROPPED where dropped; busy time; batches run).

    start: (K + 1,) rows of ``ready`` of each session; ready, deadline, content: (N,) by time within a session;
    table: (K + 1,) rows of ``latency`` of each session, entry n - 1 for a batch of n; most: (K,) planned batches.
    """
    sessions = len(start) - 1
    end = np.full(len(ready), DROPPED)
    head = start[:-1].copy()
    tail = start[:-1].copy()  # first request that is not ready yet
    offset = np.zeros(sessions)
    for k in range(1, sessions):
        offset[k] = offset[k - 1] + latency[table[k - 1] + most[k - 1] - 1]
    now, busy, batches, cycle = 0.0, 0.0, 0, 0
    while True:
        served = False
        for k in range(sessions):
            if pacing == CYCLE:
                now = max(now, cycle * duty + offset[k])
            while tail[k] < start[k + 1] and ready[tail[k]] <= now:
                tail[k] += 1
            lead, count = _batch(head[k], tail[k], deadline, latency, table[k], most[k], now, drop)
            head[k] = lead + count
            if count == 0:
                continue
            time = latency[table[k] + count - 1] * _weight(content, lead, count, heaviest) + count * per_request
            now += time
            busy += time
            batches += 1
            served = True
            end[lead : lead + count] = now
        cycle += 1
        if served:
            continue
        following = np.inf
        for k in range(sessions):
            if head[k] < start[k + 1]:
                following = min(following, ready[head[k]])
        if following == np.inf:
            return end, busy, batches
        now = max(now, following)
        if pacing == CYCLE:
            cycle = max(cycle, int(now // duty))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _batch(head: int, tail: int, deadline: Any, latency: Any, row: int, most: int, now: float, drop: int) -> Any:
    """(first request of the batch, its size); requests before it are dropped."""
    while head < tail:
        count = min(most, tail - head)
        if drop == NONE:
            return head, count
        if drop == EARLY:
            if now + latency[row + count - 1] <= deadline[head]:
                return head, count
        elif now + latency[row] <= deadline[head]:
            while now + latency[row + count - 1] > deadline[head]:
                count -= 1
            return head, count
        head += 1
    return head, 0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _weight(content: Any, lead: int, count: int, heaviest: bool) -> float:
    if len(content) == 0:
        return 1.0
    total, largest = 0.0, 0.0
    for i in range(lead, lead + count):
        total += content[i]
        largest = max(largest, content[i])
    return largest if heaviest else total / count


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def dispatch(requests: int, weight: Any) -> Any:
    """(requests,) GPU of each, by smooth weighted round robin: always the GPU that is furthest behind its share."""
    chosen = np.empty(requests, np.int64)
    credit = np.zeros(len(weight))
    whole = weight.sum()
    for i in range(requests):
        credit += weight
        best = np.argmax(credit)
        credit[best] -= whole
        chosen[i] = best
    return chosen
