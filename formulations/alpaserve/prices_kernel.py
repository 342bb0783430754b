"""One group against the prices of requests, compiled. Times are whole numbers of a grid, worths of 1 / UNIT requests.

The system stands at the head of prices.py. With requests in order of arrival, W_r(x) is the most that a group can earn from
request r on if it is free at x: the larger of W_{r+1}(x) and, if it hosts the model and the request would be in time,

    gain_r + W_{r+1}(end),    end = max(x, ready_r) + step_r  <=  due_r

W_r never rises with x and is constant up to ready_r, so one row over x holds it, updated from the last request to the first
between ready_r and due_r - step_r.

A group is (model, ready, due, step), each (N,); requests that no such group can serve have due < ready + step. ``work`` is
(row (X,), spare (Y,), taken (N, Y)), with taken[r, y] whether request r is served if the group is free at ready_r + y.
"""

from __future__ import annotations

import numpy as np
from numba import njit

UNIT = 1000


@njit(cache=True, nogil=True)
def _meet(r, group, mask, gain, work):  # type: ignore[no-untyped-def]
    """From W_{r+1} to W_r."""
    model, ready, due, step = group
    row, spare, taken = work
    if r + 1 < ready.shape[0]:
        row[ready[r] : ready[r + 1]] = row[ready[r + 1]]
    starts = due[r] - step[r] - ready[r] + 1
    if not mask >> model[r] & 1 or starts <= 0:
        return
    now, later = row[ready[r] : ready[r] + starts], row[ready[r] + step[r] : ready[r] + step[r] + starts]
    for y in range(starts):
        spare[y] = gain[r] + later[y]
    for y in range(starts):
        taken[r, y] = spare[y] > now[y]
        now[y] = max(now[y], spare[y])


@njit(cache=True, nogil=True)
def _earn(group, mask, gain, work):  # type: ignore[no-untyped-def]
    """W_0 of an idle group."""
    work[0][:] = 0
    for r in range(gain.shape[0] - 1, -1, -1):
        _meet(r, group, mask, gain, work)
    return work[0][group[1][0]]


@njit(cache=True, nogil=True)
def _follow(group, mask, taken, served):  # type: ignore[no-untyped-def]
    """Which requests a group that was idle serves to earn W_0."""
    model, ready, due, step = group
    x = 0
    for r in range(model.shape[0]):
        x = max(x, ready[r])
        served[r] = bool(mask >> model[r] & 1) and x + step[r] <= due[r] and taken[r, x - ready[r]]
        if served[r]:
            x += step[r]


@njit(cache=True, nogil=True)
def adjust(model, ready, due, step, number, mask, sweeps, work):  # type: ignore[no-untyped-def]
    """(N,) prices at which sum_r price_r + sum_g W_0 of number[c] groups of each shape c, ready ... (C, N), is small.

    Incremental subgradient: one group after the other takes what earns it most; what it serves becomes dearer, the rest
    cheaper. The prices with the smallest sum are returned; at first a whole request each, which bounds by their number.
    """
    size, requests = number.sum(), model.shape[0]
    price, best, least = np.full(requests, 0.3 * UNIT), np.full(requests, UNIT, np.int32), UNIT * requests
    served = np.zeros(requests, np.bool_)
    for sweep in range(sweeps):
        pace = UNIT / (2.0 + sweep)
        gain = (UNIT - price).astype(np.int32)
        bound = UNIT * requests - gain.sum()
        for c in range(number.shape[0]):
            bound += number[c] * _earn((model, ready[c], due[c], step[c]), mask, gain, work)
        if bound < least:
            least = bound
            best[:] = UNIT - gain
        for c in range(number.shape[0]):
            group = model, ready[c], due[c], step[c]
            for _ in range(number[c]):
                _earn(group, mask, (UNIT - price).astype(np.int32), work)
                _follow(group, mask, work[2], served)
                for r in range(requests):
                    price[r] = min(float(UNIT), max(0.0, price[r] + pace * (served[r] - 1.0 / size)))
    return best


@njit(cache=True, nogil=True)
def look_ahead(group, mask, gain, edges, width, work, worth):  # type: ignore[no-untyped-def]
    """Fill worth (E, J): W from request edges[e] on (E,), ascending, of a group that is free at ready + width j."""
    row, e = work[0], edges.shape[0] - 1
    row[:] = 0
    for r in range(gain.shape[0] - 1, -1, -1):
        _meet(r, group, mask, gain, work)
        while e >= 0 and edges[e] == r:
            for j in range(worth.shape[1]):
                worth[e, j] = row[min(group[1][r] + j * width, row.shape[0] - 1)]
            e -= 1
