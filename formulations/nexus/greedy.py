"""The paper's greedy: best-fit decreasing of squishy bins.

    alone     b = largest batch with  b / r + l(b) <= L;   d = b / r;   occupancy = l(b) / d
    merge     residuals by falling occupancy; each tries every GPU that is open: d = min(d, d'), every batch becomes
              ceil(r d), legal where  sum l <= d  and the memory fits; the legal merge of highest occupancy is kept,
              else a new GPU is opened

A cycle only ever shrinks, so batches shrink and every objective keeps holding; only the time needs a new test. Sessions
are never split and never moved again. Reference: Shen et al., SOSP 2019, section 6.1, Algorithm 1.

Two cases the paper leaves open, both counted in the notes:
- no batch satisfies  b / r + l(b) <= L  (a low rate): b = 1 and d = L - l(1);
- the rule's batch has an occupancy above 1 (a rate just below the peak): the repository's rule (``batch_rule``), and if
  that too is above 1 the whole GPU, b = B and d = l(B).
With ``batch_rule="repository"`` every batch is the largest with  (b - 1) / r + l(b) <= L  and  d = min(L - l(b), b / r).

With several types a residual's own type is the one of least price x occupancy that still has GPUs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

import gavelopt as go
from formulations.nexus.residuals import EXACT, Bin, Residuals, plan_of, residuals_of


def greedy(problem: go.Problem, batch_rule: str = "paper") -> go.Answer:
    """Saturate, then best-fit decreasing. batch_rule: ``paper`` or ``repository``."""
    phase, residuals = residuals_of(problem)
    bins, notes = best_fit(residuals, batch_rule)
    return go.Answer(np.zeros(0), plan=plan_of(phase, residuals, bins), notes=notes)


def best_fit(
    residuals: Residuals, batch_rule: str = "paper", order: go.IntArray | None = None
) -> tuple[list[Bin], tuple[str, ...]]:
    """The bins of the second phase, and how often the paper's rule left a case open.

    order: the residuals in the order of placing; by falling occupancy where it is None.
    """
    if not len(residuals):
        return [], ()
    duty, latency, cases = _alone(residuals, batch_rule)
    weighed = np.where(duty > 0, residuals.price[None, :] * latency / np.maximum(duty, 1), np.inf)
    home = np.argmin(weighed, axis=1)
    if order is None:
        alone = np.take_along_axis(latency / np.maximum(duty, 1), home[:, None], axis=1)[:, 0]
        order = np.argsort(-alone, kind="stable")
    preference = np.argsort(weighed, axis=1, kind="stable")
    placed, gpu_type, gpu_duty = _merge(
        order, duty, preference, residuals.room, residuals.memory_limit, *residuals.tables
    )
    if (placed < 0).any():
        raise go.SolverError("the greedy found no GPU left for a residual; the method 'exact' searches all plans")
    members: dict[int, list[int]] = {}
    for k in order:
        members.setdefault(int(placed[k]), []).append(int(k))
    bins = [(int(gpu_type[j]), int(gpu_duty[j]), tuple(sessions)) for j, sessions in members.items()]
    words = ("no batch fits the rule (batch 1 taken)", "the rule's occupancy is above 1 (repository's rule taken)")
    notes = [f"{count} residual(s): {text}" for count, text in zip(cases, words, strict=True) if count]
    return bins, tuple(notes)


def _alone(residuals: Residuals, batch_rule: str) -> tuple[go.IntArray, go.IntArray, list[int]]:
    """(n, R) duty cycle and latency of each residual alone, 0 where it cannot run; how often each open case came up."""
    instance, shape = residuals.instance, (len(residuals), residuals.types)
    duty, latency, cases = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64), [0, 0]
    for k, t in np.ndindex(*shape):
        curve, budget = instance.curve(int(residuals.members[k]), t), int(instance.budget_us[residuals.members[k], t])
        within = 0 if curve is None or budget < 0 else int(curve.largest_within(budget // 2))
        if curve is None or within == 0:
            continue
        runs, rate = curve.latency_us[:within], int(residuals.rate[k])
        lasts = np.arange(within + 1) * EXACT // rate  # lasts[b] = b / r
        fitting = np.flatnonzero(lasts[1:] + runs <= budget)
        if batch_rule == "paper" and not len(fitting):
            duty[k, t], latency[k, t] = budget - runs[0], runs[0]
            cases[0] += 1
            continue
        if batch_rule == "paper":
            b = int(fitting[-1])
            duty[k, t], latency[k, t] = lasts[b + 1], runs[b]
            if runs[b] <= duty[k, t]:
                continue
            cases[1] += 1
        b = int(np.flatnonzero(lasts[:-1] + runs <= budget)[-1])
        duty[k, t], latency[k, t] = min(budget - runs[b], lasts[b + 1]), runs[b]
        if latency[k, t] > duty[k, t]:
            whole = int(instance.best_latency_us[residuals.members[k], t])
            duty[k, t] = latency[k, t] = whole
    return duty, latency, cases


@njit(cache=True)  # type: ignore[untyped-decorator]
def _at(q: int, duty: int, start: Any, lasts: Any) -> int:
    """Position in the tables of the smallest batch of row q that is enough for a cycle, -1 where none is."""
    low, high = start[q], start[q + 1]
    end = high
    while low < high:
        middle = (low + high) // 2
        if lasts[middle] >= duty:
            high = middle
        else:
            low = middle + 1
    return low if low < end else -1


@njit(cache=True)  # type: ignore[untyped-decorator]
def _merge(
    order: Any,
    duty: Any,
    preference: Any,
    room: Any,
    limit: Any,
    start: Any,
    lasts: Any,
    latency: Any,
    memory: Any,
    budget: Any,
) -> Any:
    n, types = duty.shape
    room = room.copy()
    placed = np.full(n, -1, np.int64)
    gpu_type, gpu_duty = np.empty(n, np.int64), np.empty(n, np.int64)
    gpu_time, gpu_memory = np.zeros(n, np.int64), np.zeros(n, np.int64)
    first, after = np.full(n, -1, np.int64), np.full(n, -1, np.int64)  # members of a GPU as a linked list
    gpus = 0
    for k in order:
        best, best_fill, best_duty, best_time, best_memory = -1, -1.0, 0, 0, 0
        for j in range(gpus):
            t = gpu_type[j]
            q = k * types + t
            if duty[k, t] == 0:
                continue
            d = min(gpu_duty[j], duty[k, t])
            at = _at(q, d, start, lasts)
            if at < 0 or d + latency[at] > budget[q]:
                continue
            time, held = latency[at], memory[at]
            if d == gpu_duty[j]:
                time += gpu_time[j]
                held += gpu_memory[j]
            else:
                m = first[j]
                while m >= 0 and time <= d:
                    row = _at(m * types + t, d, start, lasts)
                    time += latency[row]
                    held += memory[row]
                    m = after[m]
            if time <= d and held <= limit[t] and time / d > best_fill:
                best, best_fill, best_duty, best_time, best_memory = j, time / d, d, time, held
        if best < 0:
            for t in preference[k]:
                at = _at(k * types + t, duty[k, t], start, lasts) if duty[k, t] > 0 else -1
                if at >= 0 and room[t] > 0 and memory[at] <= limit[t]:
                    best, best_duty, best_time, best_memory = gpus, duty[k, t], latency[at], memory[at]
                    gpu_type[gpus] = t
                    room[t] -= 1
                    gpus += 1
                    break
            if best < 0:
                continue
        gpu_duty[best], gpu_time[best], gpu_memory[best] = best_duty, best_time, best_memory
        after[k] = first[best]
        first[best] = k
        placed[k] = best
    return placed, gpu_type, gpu_duty
