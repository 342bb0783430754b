"""The lecture's dynamic program on a grid of times: trees, N segments of L / N.

    f(v, j) = min over 1 <= i <= j of  R_v / TP_v(i e)  +  sum over children u of f(u, j - i),      e = L / N

Quadratic in N at every stage. Its answer is exact where e divides every latency, and never better than the staircase.
``strict`` is the repository's inner loop, in which a stage's time must stay below its budget, so that even a leaf wastes one
segment; ``network_ms`` (2 in the repository) is taken off every stage's time.
"""

from __future__ import annotations

import numpy as np

import gavelopt as go
from formulations.nexus.stages import Options, every_query, slo_us


def step_dp(
    problem: go.Problem,
    segments: int = 100,
    step_ms: float | None = None,
    strict: bool = False,
    network_ms: float = 0.0,
) -> go.Answer:
    """segments: N; step_ms: e itself (then N = L / e, rounded down); strict, network_ms: as in the repository."""

    def solve(query: go.Query, options: list[Options]) -> list[go.packing.StageChoice]:
        if not query.is_tree:
            raise go.InputError(f"query {query.name!r} is not a tree", fix="method 'exact' or 'milp'")
        count = segments if step_ms is None else int(slo_us(query) // round(step_ms * 1000))
        ends = slo_us(query) * np.arange(count + 1) // max(segments, 1) if step_ms is None else _grid(count, step_ms)
        return _solve(query, options, ends, strict, round(network_ms * 1000))

    return go.Answer(np.zeros(0), plan=every_query(problem, solve))


def _grid(count: int, step_ms: float) -> go.IntArray:
    return np.arange(count + 1) * round(step_ms * 1000)


def _solve(
    query: go.Query, options: list[Options], ends: go.IntArray, strict: bool, network_us: int
) -> list[go.packing.StageChoice]:
    """ends: (N + 1,) microseconds after j segments, rounded down: budgets of j segments add up to at most L."""
    count = len(ends) - 1
    cost = np.full((len(options), count + 1), np.inf)
    spent = np.zeros((len(options), count + 1), dtype=np.int64)
    within = [np.array([own.cheapest_within(int(end) - network_us) for end in ends]) for own in options]
    for v in range(len(options) - 1, -1, -1):
        own = np.where(within[v] >= 0, options[v].cost[np.maximum(within[v], 0)], np.inf)
        below = cost[list(query.children[v])].sum(axis=0)
        for j in range(1, count + 1):
            # i segments for v; in the strict loop its time must stay below i of them, so i counts for i - 1
            i = np.arange(1, j + 1)
            total = (own[i - 1] if strict else own[i]) + below[j - i]
            best = int(np.argmin(total))
            cost[v, j], spent[v, j] = total[best], i[best]
    if not np.isfinite(cost[0, count]):
        raise go.Infeasible(
            f"query {query.name!r}: no split on this grid; a finer step, or method 'exact', may find one"
        )
    left = np.zeros(len(options), dtype=np.int64)
    left[0] = count
    chosen = []
    for v, own_options in enumerate(options):
        mine = int(spent[v, left[v]])
        left[list(query.children[v])] = left[v] - mine
        option = int(within[v][mine - 1 if strict else mine])
        chosen.append(own_options.choice(option))
    return chosen
