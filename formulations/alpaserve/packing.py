"""The set-packing master: which simulated clusters to put side by side.

A column is a cluster (a connected placement) with the models it hosts, the devices it holds and the requests it serves in
time, simulated. Clusters that share no model do not interact, so for any set of columns

    maximise    sum_j good_j x_j
    subject to  sum over j that hosts m of x_j <= 1   for every model m,     sum_j devices_j x_j <= D,     x binary

is exact within the columns. Up to ``SMALL`` models all clusters of at most ``max_groups`` groups are columns and the
program is solved by the recursion of exact.py; beyond, columns are the clusters of every filling that the search computes
for buckets of models and numbers of devices, and of fillings of random halves, and HiGHS solves the program.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

import gavelopt as go
from formulations.alpaserve.exact import solve_by_clusters
from formulations.alpaserve.greedy import fill
from formulations.alpaserve.local import improve
from formulations.alpaserve.partitions import buckets, consecutive
from formulations.alpaserve.scoring import Scorer, answer, canonical, instance_of
from formulations.alpaserve.search import Finder, split_over

SMALL = 9
MAX_GROUPS = 3


def set_packing(problem: go.Problem, max_groups: int = MAX_GROUPS, effort: float = 5e7) -> go.Answer:
    """The best packing of clusters; see the head of this file."""
    instance = instance_of(problem)
    if len(instance.models) <= SMALL:
        return solve_by_clusters(problem, max_groups, effort)
    scorer = Scorer(instance, deadline=problem.deadline)
    columns = _columns(scorer, problem.seed)
    code = pack(scorer, columns, problem.seconds_left)
    better, good = improve(scorer, code, effort=effort, seed=problem.seed)
    notes = [f"{len(columns)} columns", "packed by HiGHS, then improved"]
    return answer(problem, instance.decode(better), *notes, planning_good=good)


def pack(scorer: Scorer, columns: Sequence[go.serving.Code], seconds: float = np.inf) -> go.serving.Code:
    """The packing of the given clusters that serves most requests in time."""
    models, size = len(scorer.instance.models), scorer.tables.size
    good = np.array([_alone(scorer, code) for code in columns], dtype=float)
    hosted = [sorted({m for _, mask in code for m in go.serving.positions(mask)}) for code in columns]
    rows = np.concatenate([np.array(ms, dtype=np.int64) for ms in hosted])
    places = np.repeat(np.arange(len(columns)), [len(ms) for ms in hosted])
    devices = [sum(int(size[shape]) for shape, _ in code) for code in columns]
    matrix = sparse.vstack(
        [
            sparse.csr_array((np.ones(len(rows)), (rows, places)), shape=(models, len(columns))),
            sparse.csr_array(np.array([devices], dtype=float)),
        ]
    )
    limits = np.append(np.ones(models), scorer.devices)
    options = {"time_limit": float(min(seconds, 60.0)), "mip_rel_gap": 1e-6}
    found = milp(
        -good,
        integrality=np.ones(len(columns)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(matrix, -np.inf, limits),
        options=options,
    )
    if found.x is None:
        raise go.OutOfTime(f"HiGHS found no packing: {found.message}")
    return canonical(group for j in np.flatnonzero(found.x > 0.5) for group in columns[int(j)])


def clusters_of(code: go.serving.Code) -> list[go.serving.Code]:
    """The connected parts of a placement."""
    parts: list[list[tuple[int, int]]] = []
    for group in code:
        joined = [part for part in parts if any(mask & group[1] for _, mask in part)]
        parts = [part for part in parts if part not in joined] + [[*(g for part in joined for g in part), group]]
    return [canonical(part) for part in parts]


def _alone(scorer: Scorer, code: go.serving.Code) -> int:
    """Requests that a cluster serves in time; additivity lets it be simulated among all requests."""
    return int(scorer.good([code])[0])


def _columns(scorer: Scorer, seed: int) -> list[go.serving.Code]:
    instance, random = scorer.instance, np.random.default_rng(seed)
    whole = tuple(range(len(instance.models)))
    finder = Finder(instance, fill, scorer.deadline)
    finder.best(whole, instance.devices)
    for parts in consecutive(buckets(instance)):
        if len(parts) > 1:
            split_over(finder, parts)
    for _ in range(4):
        half = tuple(sorted(random.permutation(len(whole))[: len(whole) // 2].tolist()))
        other = tuple(m for m in whole if m not in half)
        split_over(finder, [half, other])
    every: Iterable[go.serving.Code] = (code for ranked in finder.found.values() for _, code in ranked)
    return sorted({cluster for code in every for cluster in clusters_of(code)})
