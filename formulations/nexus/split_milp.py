"""The latency split as a mixed-integer program: exact on any acyclic graph.

z_vi in {0, 1}     stage v takes its option i;      sum_i z_vi = 1
y_v                finish time;                     y_v >= y_u + sum_i time_vi z_vi   for every parent u (y_u = 0 at a root)
y_v <= L,          minimise  sum_vi cost_vi z_vi
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, sparse

import gavelopt as go
from formulations.nexus.stages import Options, every_query, slo_us

PRECISION = 1e-9  # of the solver's relative gap


def milp(problem: go.Problem) -> go.Answer:
    """HiGHS on the program of every query."""
    bounds: list[float] = []

    def solve(query: go.Query, options: list[Options]) -> list[go.packing.StageChoice]:
        chosen, bound = solve_query(query, options, problem.seconds_left)
        bounds.append(bound)
        return chosen

    plan = every_query(problem, solve)
    return go.Answer(np.zeros(0), plan=plan, claimed_bound=sum(bounds), notes=("HiGHS",))


def solve_query(query: go.Query, options: list[Options], seconds: float) -> tuple[list[go.packing.StageChoice], float]:
    """The stages' choices and the solver's bound on the cost."""
    stages, limit = len(options), slo_us(query)
    first = np.concatenate([[0], np.cumsum([len(own.time) for own in options])]) + stages
    columns = int(first[-1])
    cost = np.concatenate([np.zeros(stages), *(own.cost for own in options)])
    unit = max(float(cost.max()), 1e-300)
    rows: list[tuple[list[int], list[float], float, float]] = []
    for v, own in enumerate(options):
        z = list(range(first[v], first[v + 1]))
        rows.append((z, [1.0] * len(z), 1.0, 1.0))
        times = (own.time / limit).tolist()
        for u in query.parents[v] or (None,):
            before = ([], []) if u is None else ([u], [-1.0])
            rows.append(([v, *before[0], *z], [1.0, *before[1], *(-t for t in times)], 0.0, np.inf))
    at = [(r, c, f) for r, (cols, factors, _, _) in enumerate(rows) for c, f in zip(cols, factors, strict=True)]
    row, column, factor = (np.array(part) for part in zip(*at, strict=True))
    matrix = sparse.csr_array((factor, (row.astype(int), column.astype(int))), shape=(len(rows), columns))
    solved = optimize.milp(
        cost / unit,
        constraints=optimize.LinearConstraint(matrix, [r[2] for r in rows], [r[3] for r in rows]),
        integrality=np.concatenate([np.zeros(stages), np.ones(columns - stages)]),
        # half a microsecond less than the next whole one: a tolerance of the solver cannot break the objective
        bounds=optimize.Bounds(0, np.concatenate([np.full(stages, 1.0 + 0.25 / limit), np.ones(columns - stages)])),
        options={"time_limit": min(max(seconds, 0.01), 1e6), "mip_rel_gap": PRECISION},
    )
    if solved.x is None:
        raise go.OutOfTime(f"query {query.name!r}: HiGHS ended with {solved.message!r}")
    picked = [int(np.argmax(solved.x[first[v] : first[v + 1]])) for v in range(stages)]
    return [own.choice(i) for own, i in zip(options, picked, strict=True)], float(solved.mip_dual_bound) * unit
