"""Duty cycles that can matter, and what every residual takes of each.

For a fixed cycle d the batches are forced, b_k = ceil(r_k d), so a GPU of type t with cycle d is a knapsack:

    capacity  d,      weight  w_k(d) = l_k(ceil(r_k d)),      eligible  d + w_k(d) <= L_k

Raising d while no batch grows only adds capacity, so these d suffice: { b / r_k } and { L_k - l_k(b) }. A d is dropped
where a longer one has no larger weight and every eligible session. What is left is a matrix of knapsacks, one a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

import gavelopt as go
from formulations.nexus.residuals import UNLIMITED, Residuals


@dataclass(frozen=True, eq=False)
class Knapsacks:
    """m knapsacks over n residuals.

    kind: (m,) type; duty: (m,) cycle, the capacity; weight: (m, n) time taken, -1 not eligible; memory: (m, n) bytes;
    price: (m,) of the GPU; limit: (m,) memory of the GPU.
    """

    kind: go.IntArray
    duty: go.IntArray
    weight: go.IntArray
    memory: go.IntArray
    price: go.IntArray
    limit: go.IntArray

    def merged(self, items: list[tuple[int, ...]]) -> Knapsacks:
        """Knapsacks over groups of residuals that stay together."""
        groups = [np.array(item) for item in items]
        single = all(len(group) == 1 for group in groups)
        if single:
            columns = np.array([group[0] for group in groups], dtype=np.int64)
            return Knapsacks(
                self.kind, self.duty, self.weight[:, columns], self.memory[:, columns], self.price, self.limit
            )
        weight = [np.where((self.weight[:, g] > 0).all(axis=1), self.weight[:, g].sum(axis=1), -1) for g in groups]
        memory = [self.memory[:, g].sum(axis=1) for g in groups]
        return Knapsacks(
            self.kind, self.duty, np.stack(weight, axis=1), np.stack(memory, axis=1), self.price, self.limit
        )


def knapsacks(residuals: Residuals, members: go.IntArray | None = None) -> Knapsacks:
    """All knapsacks that matter for these residuals (by default all of them), over all types with room."""
    chosen = np.arange(len(residuals)) if members is None else members
    parts: list[tuple[go.IntArray, ...]] = []
    for t in range(residuals.types):
        if residuals.room[t] <= 0:
            continue
        duty = residuals.candidate_cycles(t, chosen)
        duty = duty[duty > 0]
        rows = chosen * residuals.types + t
        weight, memory = _weights(duty, rows, *residuals.tables)
        careful = bool(residuals.memory_limit[t] < UNLIMITED)
        kept = _undominated(weight, memory) if careful else _undominated(weight, weight)
        parts.append((np.full(int(kept.sum()), t), duty[kept], weight[kept], memory[kept]))
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return Knapsacks(
            none, none, np.zeros((0, len(chosen)), np.int64), np.zeros((0, len(chosen)), np.int64), none, none
        )
    kind, duty, weight, memory = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Knapsacks(kind, duty, weight, memory, residuals.price[kind], residuals.memory_limit[kind])


@njit(cache=True)  # type: ignore[untyped-decorator]
def _weights(duty: Any, rows: Any, start: Any, lasts: Any, latency: Any, memory: Any, budget: Any) -> Any:
    """(m, n) time and memory; duty rises, so each row of the tables is walked once."""
    m, n = len(duty), len(rows)
    weight, held = np.full((m, n), -1, np.int64), np.zeros((m, n), np.int64)
    for column in range(n):
        q = rows[column]
        at = start[q]
        for i in range(m):
            while at < start[q + 1] and lasts[at] < duty[i]:
                at += 1
            if at == start[q + 1]:
                break
            if duty[i] + latency[at] <= budget[q]:
                weight[i, column], held[i, column] = latency[at], memory[at]
    return weight, held


@njit(cache=True)  # type: ignore[untyped-decorator]
def _undominated(weight: Any, memory: Any) -> Any:
    """Rows for which no later one (a longer cycle) is as light for every session; rows that hold nobody go too."""
    m, n = weight.shape
    kept = np.ones(m, np.bool_)
    for i in range(m):
        empty = True
        for k in range(n):
            if weight[i, k] > 0:
                empty = False
                break
        if empty:
            kept[i] = False
            continue
        for j in range(i + 1, m):
            covers = True
            for k in range(n):
                if weight[i, k] > 0 and (
                    weight[j, k] < 0 or weight[j, k] > weight[i, k] or memory[j, k] > memory[i, k]
                ):
                    covers = False
                    break
            if covers:
                kept[i] = False
                break
    return kept
