"""Exact placement by enumeration, one connected cluster at a time; and the set-packing master over small clusters.

Two groups interact only if they share a model. So a placement's requests in time are the sum over its clusters (connected
parts of the model-group graph, each simulated on its own requests; the canonical order of groups makes this exact), and

    f(S, k) = max( v(S, k),  f(T, j) + f(S - T, k - j)  for T within S, j <= k,  f(S, k - 1) )

where v(S, k) is the best single cluster that hosts exactly S on k devices. f(all, D) is the optimum. A pair (S, k) is
enumerated only if it can matter:  some cluster on it must beat both f from smaller clusters and the incumbent minus what
any placement can serve of the other models on the other devices (the pooled bound). The clusters of given groups are met
in a tree whose branches are cut off where a bound proves them too weak (enumeration.py): first what each group can serve
on its own, and where that leaves many, what prices of the requests leave to be served (prices.py). A simulation stops as
soon as what was served so far and the bound on the rest, from the state that the groups are in, are too few.

Every placement is covered, also one that hosts a model where it cannot meet its objective (such a group sheds that
model's requests, which may help others). With ``max_groups`` larger clusters are left out (packing.py). The incumbent
comes from the search. The judge cannot recompute an enumeration, so its bound is "claimed".
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from math import comb

import numpy as np

import gavelopt as go
from formulations.alpaserve.local import improve_best
from formulations.alpaserve.partitions import multisets
from formulations.alpaserve.prices import no_outlook, outlook
from formulations.alpaserve.scoring import Scorer, answer, canonical, instance_of
from formulations.alpaserve.search import search_code
from formulations.alpaserve.tree import Tree

MOST_MODELS = 10
CORES = os.cpu_count() or 1
STAGES = ((0, 20_000), (150, 500_000), (1_500, np.inf))  # changes of the prices, nodes of the tree with them
WALKERS = 8  # of a tree with prices, whatever the number of cores, so that the answer is the same
PLACEMENTS = 5e6  # up to here "auto" takes the enumeration

Best = tuple[int, go.serving.Code]


def exact(problem: go.Problem, effort: float = 5e7) -> go.Answer:
    """The optimum on the planning requests; out of time, the best so far without a claim. ``effort``: of the incumbent."""
    return solve_by_clusters(problem, None, effort)


def solve_by_clusters(problem: go.Problem, max_groups: int | None, effort: float) -> go.Answer:
    """The recursion over all clusters, or over those of at most ``max_groups`` groups.

    Raises:
        InputError: more models than MOST_MODELS, beyond which sets of models are too many.
    """
    instance = instance_of(problem)
    if len(instance.models) > MOST_MODELS:
        raise go.InputError(
            "too many models to enumerate their sets",
            seen=len(instance.models),
            rule=f"at most {MOST_MODELS}",
            fix="method='search' or 'set_packing'",
        )
    scorer = Scorer(instance, deadline=problem.deadline)
    codes, _, _ = search_code(instance, deadline=problem.deadline)
    code, good = improve_best(scorer, codes, effort=effort, seed=problem.seed)
    table = Clusters(scorer, (good, code), problem, max_groups)
    good, code = table.solve()
    complete = table.finished and max_groups is None
    ending = "complete" if complete else "larger clusters left out" if table.finished else "out of time"
    noted = f"{table.seen} nodes looked at, {table.simulated} clusters simulated, {ending}"
    details = {"nodes": table.seen, "clusters": table.simulated, "complete": complete}
    found = answer(problem, instance.decode(code), noted, **details)
    if not complete or instance.training is not None:
        return found
    return replace(found, claimed_bound=good / max(instance.workload.counts, 1))


def affordable(instance: go.PlacementInstance) -> bool:
    """Whether the enumeration ends within about a minute."""
    return len(instance.models) <= MOST_MODELS and count_placements(instance, PLACEMENTS) <= PLACEMENTS


def count_placements(instance: go.PlacementInstance, stop: float = np.inf) -> float:
    """How many placements use all devices: sum over group multisets of prod C(sets + groups - 1, groups); stops early."""
    tables, total = instance.tables, 0.0
    sizes = [int(size) for size in tables.size]
    sets = [len(_hostable_sets(instance, c, (1 << len(instance.models)) - 1)) for c in range(len(sizes))]
    for cut in multisets(sizes, instance.devices):
        product = 1.0
        for shape in set(cut):
            product *= comb(sets[shape] + cut.count(shape) - 1, cut.count(shape))
        total += product
        if total > stop:
            break
    return total


def _hostable_sets(instance: go.PlacementInstance, shape: int, whole: int) -> list[int]:
    """The non-empty sets of models within ``whole`` that fit into a group of this shape, ascending."""
    weight = instance.tables.weight_gib[:, shape]
    able = [m for m in go.serving.positions(whole) if weight[m] <= instance.budget_gib]
    found = []
    for number in range(1, len(able) + 1):
        fitting = [some for some in combinations(able, number) if weight[list(some)].sum() <= instance.budget_gib]
        if not fitting:
            break
        found += [sum(1 << m for m in some) for some in fitting]
    return sorted(found)


@dataclass
class Clusters:
    """The tables of the recursion at the head of this file, over all sets of models and numbers of devices."""

    scorer: Scorer
    incumbent: Best
    problem: go.Problem
    max_groups: int | None = None
    finished: bool = False
    seen: int = 0
    simulated: int = 0
    best: dict[tuple[int, int], Best] = field(default_factory=dict)

    def solve(self) -> Best:
        """The best placement; ``finished`` tells whether every cluster was covered or proved too weak."""
        devices = self.scorer.devices
        for whole in sorted(range(1, self.everything + 1), key=int.bit_count):
            for k in range(devices + 1):
                self.best[whole, k] = self._from_smaller(whole, k)
                if k and self._may_matter(whole, k):
                    self._enumerate(whole, k)
                if self.problem.seconds_left == 0.0:
                    return max(self.incumbent, *self.best.values())
        self.finished = True
        return max(self.incumbent, self.best.get((self.everything, devices), (0, ())))

    @property
    def everything(self) -> int:
        """All models."""
        return (1 << len(self.scorer.instance.models)) - 1

    @cached_property
    def requests(self) -> go.IntArray:
        """(2^M,) requests of every set of models."""
        own = self.scorer.workload.per_model(len(self.scorer.instance.models))
        total = np.zeros(self.everything + 1, dtype=np.int64)
        for mask in range(1, self.everything + 1):
            low = mask & -mask
            total[mask] = total[mask ^ low] + own[low.bit_length() - 1]
        return total

    @cached_property
    def most(self) -> go.IntArray:
        """(C, 2^M) u: the most requests of a set of models that one group of a shape can serve in time."""
        shapes = len(self.scorer.tables.size)
        bound = np.zeros((shapes, self.everything + 1), dtype=np.int64)
        for shape in range(shapes):
            for mask in range(1, self.everything + 1):
                bound[shape, mask] = group_bound(self.scorer, shape, mask)
        return bound

    def pooled(self, whole: int, devices: int) -> int:
        """The most requests of a set of models that any placement on so many devices can serve in time."""
        if not whole or not devices:
            return 0
        if (whole, devices) not in self._pooled:
            few = self.scorer.instance.with_devices(devices)
            requests = self.scorer.workload.only(go.serving.positions(whole))
            self._pooled[whole, devices] = go.serving.bound_good(few, requests, measure=go.serving.compiled_work())
        return self._pooled[whole, devices]

    @cached_property
    def _pooled(self) -> dict[tuple[int, int], int]:
        return {}

    def _from_smaller(self, whole: int, k: int) -> Best:
        """f(S, k) without clusters that host all of S on exactly k devices."""
        found = self.best[whole, k - 1] if k else (0, ())
        low = whole & -whole
        part = (whole - 1) & whole
        while part:  # the parts that hold the lowest model
            if part & low:
                for j in range(k + 1):
                    one, two = self.best[part, j], self.best[whole ^ part, k - j]
                    if one[0] + two[0] > found[0]:
                        found = one[0] + two[0], canonical(one[1] + two[1])
            part = (part - 1) & whole
        return found

    def _need(self, whole: int, k: int) -> int:
        """A cluster on (S, k) matters only from so many requests on."""
        others = self.pooled(self.everything ^ whole, self.scorer.devices - k)
        return max(self.best[whole, k][0], self.incumbent[0] - others) + 1

    def _may_matter(self, whole: int, k: int) -> bool:
        need = self._need(whole, k)
        return need <= self.requests[whole] and need <= self.pooled(whole, k)

    def _enumerate(self, whole: int, k: int) -> None:
        """v(S, k): every cluster that hosts exactly S on k devices."""
        hostable = [_hostable_sets(self.scorer.instance, c, whole) for c in range(len(self.scorer.tables.size))]
        part = Scorer(self.scorer.instance, go.serving.positions(whole), k, self.scorer.workload)
        for cut in self._cuts(k):
            if self.problem.seconds_left > 0 and all(hostable[c] for c in cut):
                self._enumerate_cut(part, whole, cut, hostable)

    def _enumerate_cut(self, part: Scorer, whole: int, cut: tuple[int, ...], hostable: Sequence[Sequence[int]]) -> None:
        """Every cluster of these shapes; where they are many, the tree starts again with better prices."""
        for sweeps, patience in STAGES:
            prices = no_outlook(int(self.requests[whole]), whole, cut)
            if sweeps:
                prices = outlook(self.scorer.instance, self.scorer.workload, whole, cut, sweeps)
            trees = Tree(whole, cut, hostable, self.requests, self.most, prices).dealt(WALKERS if sweeps else 1)
            stop = self.seen + patience
            while trees and self.seen < stop and self.problem.seconds_left > 0:
                self._simulate(part, whole, trees)
                trees = [tree for tree in trees if not tree.over]
            if not trees:
                return

    def _cuts(self, k: int) -> Iterator[tuple[int, ...]]:
        sizes = [int(size) for size in self.scorer.tables.size]
        return (cut for cut in multisets(sizes, k) if self.max_groups is None or len(cut) <= self.max_groups)

    def _simulate(self, part: Scorer, whole: int, trees: Sequence[Tree]) -> None:
        """Simulate the next clusters that each tree lets through, on all cores."""
        need, before = self._need(whole, part.devices), sum(tree.seen for tree in trees)
        found = list(self.pool.map(lambda tree: _best(part, tree, need), trees))
        self.seen += sum(tree.seen for tree in trees) - before
        self.simulated += sum(filled for filled, _ in found)
        good, code = max((best for _, best in found), key=lambda best: best[0])
        if good >= need:
            self.best[whole, part.devices] = good, code

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        """Threads for simulations, which release Python's lock."""
        return ThreadPoolExecutor(CORES)


def _best(part: Scorer, tree: Tree, need: int) -> tuple[int, Best]:
    """(number, best) of the next clusters that a tree lets through; fewer than 0 requests where none serves ``need``."""
    filled = tree.move(need)
    if not filled:
        return 0, (-1, ())
    mask = tree.found[:filled]
    good = part.simulator.good_alike(tree.cut, mask, need=need, outlook=tree.outlook)
    top = int(np.argmax(good))
    return filled, (int(good[top]), canonical(zip(tree.cut, mask[top].tolist(), strict=True)))


def group_bound(scorer: Scorer, shape: int, mask: int) -> int:
    """The most requests of some models that one group can serve: its slowest stage as one machine with interruptions.

    Stage k works on a request for latency_k within [arrival + stages before, arrival + SLO - overhead - stages after].
    """
    instance, tables = scorer.instance, scorer.tables
    first, last = scorer.workload.counted
    arrival, model = scorer.workload.arrival_s[first:last], scorer.workload.model[first:last]
    able = tables.usable[:, shape] & np.array([bool(mask >> m & 1) for m in range(len(instance.models))])
    own = able[model]
    if not own.any():
        return 0
    arrival, model = arrival[own], model[own]
    latency = tables.latency_s[:, shape, : int(tables.stages[shape])]
    k = int(np.argmax(latency[able].sum(axis=0)))
    before, after = latency[:, :k].sum(axis=1), latency[:, k + 1 :].sum(axis=1)
    deadline = arrival + tables.slo_s[model] - instance.overheads.request_s - after[model]
    most = go.serving.most_jobs(
        arrival + before[model], deadline, latency[model, k], 1.0, measure=go.serving.compiled_work()
    )
    return int(np.floor(most + 1e-6))
