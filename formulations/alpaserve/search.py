"""Algorithm 2: buckets x device splits x group partitions x configurations, each filled, the best one polished.

    for every way to join neighbouring latency buckets, and every split of the devices over them:
        for every partition of a bucket's devices into configured groups:  fill the groups (fast heuristic or Algorithm 1)
        keep the best of each bucket
    keep the best combination; improve it by small changes (local.py)

Buckets share no model and no group, so attainment is additive over them: the best split is a shortest-path recursion over
the values  v(bucket, devices)  instead of a product over all compositions. Small problems (at most ``THOROUGH`` requests
to simulate for all partitions) use beam search on every partition; larger ones the fast heuristic, and a coarser grid of
devices around each bucket's share of the work.
Reference: AlpaServe, OSDI 2023, Algorithm 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

import gavelopt as go
from formulations.alpaserve.beam import select
from formulations.alpaserve.greedy import fill
from formulations.alpaserve.local import improve_best
from formulations.alpaserve.partitions import buckets, consecutive, partitions
from formulations.alpaserve.scoring import Scorer, answer, canonical, instance_of, spread

THOROUGH = 4e8  # simulated requests up to which every partition gets the beam
FILLS = 1.2e8  # simulated requests that the fast heuristic may spend on all buckets and splits together
KEPT = 4  # the best so many fillings of a set of models on some devices
STARTS = 8  # the best so many placements are improved
EFFORT = 3e8  # simulated requests of the improvement
SEVERAL = 8  # devices up to which a bucket tries every partition; beyond, those led by one of the FAVOURED best shapes
FAVOURED = 4

Fill = Callable[[Scorer, Sequence[int]], tuple[go.serving.Code, int]]


@dataclass
class Finder:
    """The best fillings found for sets of models on numbers of devices, each computed once, the whole first."""

    instance: go.PlacementInstance
    fill: Fill
    deadline: float = np.inf
    kept: int = KEPT
    spent: int = 0
    favoured: tuple[int, ...] = ()
    found: dict[tuple[tuple[int, ...], int], list[tuple[int, go.serving.Code]]] = field(default_factory=dict)

    def best(self, models: tuple[int, ...], devices: int) -> list[tuple[int, go.serving.Code]]:
        """The ``kept`` best (requests in time, placement) of these models on so many devices, best first."""
        if (models, devices) not in self.found:
            some = None if len(models) == len(self.instance.models) else models
            scorer = Scorer(self.instance, some, devices, deadline=self.deadline)
            cuts = partitions(scorer)
            if devices > SEVERAL and self.favoured:
                cuts = [cut for cut in cuts if _leading(cut) in self.favoured] or cuts
            filled = spread(scorer, self.fill, cuts)
            self.spent += scorer.spent
            if not self.favoured:
                best = sorted(zip(filled, cuts, strict=True), key=lambda pair: -pair[0][1])
                self.favoured = tuple(dict.fromkeys(_leading(cut) for _, cut in best))[:FAVOURED]
            ranked = sorted({(good, code) for code, good in filled}, key=lambda pair: (-pair[0], pair[1]))
            self.found[models, devices] = ranked[: self.kept]
        return self.found[models, devices]


def _leading(cut: Sequence[int]) -> int:
    """The shape that most groups of a partition have; -1 for no groups."""
    return max(dict.fromkeys(cut), key=cut.count, default=-1)


def search(
    problem: go.Problem, beam: int = 3, bucketed: bool = True, polish: bool = True, effort: float = EFFORT
) -> go.Answer:
    """Algorithm 2. ``beam`` is used on small problems; ``effort`` (simulated requests) bounds the local improvement."""
    instance = instance_of(problem)
    codes, good, notes = search_code(instance, beam=beam, bucketed=bucketed, deadline=problem.deadline)
    best = codes[0]
    if polish:
        scorer = Scorer(instance, deadline=problem.deadline)
        best, good = improve_best(scorer, codes[:STARTS], effort=effort, seed=problem.seed)
    return answer(problem, instance.decode(best), *notes, planning_good=good)


def beam_search(problem: go.Problem, beam: int = 3) -> go.Answer:
    """Algorithm 1 on every partition of the devices (all multisets up to 16 devices, the pruned list beyond)."""
    scorer = Scorer(instance_of(problem), deadline=problem.deadline)
    cuts = partitions(scorer)
    found = spread(scorer, lambda own, cut: select(own, cut, beam), cuts)
    code, good = max(found, key=lambda pair: pair[1], default=((), 0))
    return answer(problem, scorer.instance.decode(code), f"{len(cuts)} partition(s)", planning_good=good)


def search_code(
    instance: go.PlacementInstance, *, beam: int = 3, bucketed: bool = True, deadline: float = np.inf
) -> tuple[list[go.serving.Code], int, list[str]]:
    """Algorithm 2 without the polish: the best placements, best first, requests in time of the first, and notes."""
    whole = tuple(range(len(instance.models)))
    thorough = _beam_effort(instance) <= THOROUGH
    method: Fill = (lambda scorer, cut: select(scorer, cut, beam)) if thorough else fill
    finder = Finder(instance, method, deadline)
    mixed = finder.best(whole, instance.devices)
    ranked = list(mixed)
    notes = [f"{'beam ' + str(beam) if thorough else 'fast heuristic'} on every partition"]
    if bucketed:
        joins = [parts for parts in consecutive(buckets(instance)) if len(parts) > 1]
        ranked += [split_over(finder, parts) for parts in joins if finder.spent < FILLS]
        notes.append(f"{len(buckets(instance))} latency bucket(s)")
    ranked.sort(key=lambda pair: (-pair[0], pair[1]))
    return [code for _, code in ranked], ranked[0][0] if ranked else 0, notes


def _beam_effort(instance: go.PlacementInstance) -> float:
    """Simulated requests that beam 1 needs on all partitions of the whole: partitions x models x groups x replicas."""
    scorer = Scorer(instance)
    cuts = partitions(scorer)
    models, memory = len(instance.models), instance.budget_gib
    lightest = float(np.min(instance.tables.weight_gib * instance.tables.size, initial=np.inf))
    replicas = [min(models * len(cut), instance.devices * memory / lightest) for cut in cuts] if cuts else []
    return float(sum(models * len(cut) * r for cut, r in zip(cuts, replicas, strict=True)) * len(instance.planning))


def split_over(finder: Finder, parts: Sequence[tuple[int, ...]]) -> tuple[int, go.serving.Code]:
    """The best split of the devices over buckets: best[k] over the buckets so far with k devices, one bucket at a time."""
    devices = finder.instance.devices
    best: dict[int, tuple[int, go.serving.Code]] = {0: (0, ())}
    for part in parts:
        grid = _grid(finder.instance, part)
        grown: dict[int, tuple[int, go.serving.Code]] = {}
        for used, (good, code) in best.items():
            for own in [k for k in grid if used + k <= devices]:
                more, other = finder.best(part, own)[0] if own else (0, ())
                if good + more > grown.get(used + own, (-1, ()))[0]:
                    grown[used + own] = good + more, canonical(code + other)
        best = grown
    return max(best.values(), key=lambda pair: pair[0])


def _grid(instance: go.PlacementInstance, part: Sequence[int]) -> list[int]:
    """Numbers of devices to try for a bucket: all up to 8 devices, beyond that steps of D/12 around its share of the work."""
    devices = instance.devices
    if devices <= 8:
        return list(range(devices + 1))
    work = instance.planning.per_model(len(instance.models)) * _typical_work(instance)
    share = devices * work[list(part)].sum() / max(work.sum(), 1e-300)
    step = max(1, devices // 12)
    around = {int(step * round(share / step)) + step * offset for offset in (-2, -1, 0, 1, 2)}
    return sorted(k for k in around if 0 < k < devices)


def _typical_work(instance: go.PlacementInstance) -> go.FloatArray:
    work = go.serving.least_work(instance)
    return np.where(np.isfinite(work), work, 0.0)
