"""The best plan by enumeration, sharing nothing with the methods: every row of every job on every node, one job at a time.

States are what the earlier jobs left (GPUs free on each node, nodes taken by a distributed job); of equal states only the
best is kept, which loses nothing because a power sum (and a minimum) is monotone in every job's part.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np

import gavelopt as go


def rows_of(instance: go.ElasticInstance) -> list[tuple[int, ...]]:
    """Every (N,) row of GPUs on nodes of one type."""
    ranges = [range(int(g) + 1) for g in instance.node_gpus]
    kind = instance.node_type
    return [row for row in itertools.product(*ranges) if len({int(kind[n]) for n, g in enumerate(row) if g}) <= 1]


def goodput_of_row(instance: go.ElasticInstance, job: int, row: tuple[int, ...]) -> float:
    """Goodput of a row, by the instance's table."""
    way = instance.configuration_of(np.array([row] * len(instance.jobs)))[job]
    return float(instance.goodput[job, way]) if way >= 0 else 0.0


def options(instance: go.ElasticInstance, policy: object, job: int) -> list[tuple[tuple[int, ...], float]]:
    """(row, speedup) of everything a job may have."""
    reference = float(policy.reference_goodput(instance)[job])
    factor = float(policy.restart_factor(instance)[job])
    held = tuple(instance.current[job].tolist()) if instance.current is not None else ()
    running = any(held)
    found = []
    for row in rows_of(instance):
        goodput = goodput_of_row(instance, job, row) / reference if any(row) and reference > 0 else 0.0
        if any(row) and goodput <= 0 and not (row == held and instance.pinned[job]):
            continue
        if instance.pinned[job] and row != held:
            continue
        loss = factor if running and any(row) and row != held else 1.0
        found.append((row, goodput * loss))
    return found


def best_fitness(instance: go.ElasticInstance, policy: object) -> float:
    """The highest FITNESS_p over all placements; -inf where there is none."""
    p, epsilon, apart = policy.p, policy.unallocated, policy.one_distributed_per_node
    symmetric = instance.current is None
    states: dict[tuple, float] = {start(instance): 0.0 if p != -math.inf else math.inf}
    for job in range(len(instance.jobs)):
        after: dict[tuple, float] = {}
        for row, x in options(instance, policy, job):
            term = worth(x + epsilon, p)
            spread = sum(g > 0 for g in row) > 1
            for state, value in states.items():
                nodes = fitted(state, row, spread and apart)
                if nodes is None:
                    continue
                key = tuple(sorted(nodes)) if symmetric else nodes
                total = min(value, term) if p == -math.inf else value + term
                if total > after.get(key, -math.inf):
                    after[key] = total
        states = after
    best = max(states.values(), default=-math.inf)
    return best if p == -math.inf else unworth(best / len(instance.jobs), p)


def start(instance: go.ElasticInstance) -> tuple:
    """Per node: type, free GPUs, whether a distributed job stands there."""
    return tuple((int(k), int(g), False) for k, g in zip(instance.node_type, instance.node_gpus, strict=True))


def fitted(state: tuple, row: tuple[int, ...], exclusive: bool) -> tuple | None:
    """The state after the row, or None where it does not fit."""
    nodes = []
    for (kind, free, taken), gpus in zip(state, row, strict=True):
        if gpus > free or (gpus and exclusive and taken):
            return None
        nodes.append((kind, free - gpus, taken or bool(gpus and exclusive)))
    return tuple(nodes)


def worth(t: float, p: float) -> float:
    """A job's term of the power sum, signed so that more is better."""
    if p == -math.inf:
        return t
    if p == 0:
        return math.log(t)
    return t**p if p > 0 else -(t**p)


def unworth(mean: float, p: float) -> float:
    """The power mean behind a mean term."""
    return math.exp(mean) if p == 0 else abs(mean) ** (1.0 / p)


# --- idle clusters of one type: which combinations of configurations fit, once for all jobs -----------------------------
@functools.cache
def placeable(nodes: int, per_node: int, ways: tuple[tuple[int, bool], ...], apart: bool) -> bool:
    """Whether jobs of these (GPUs, spread) stand side by side on an idle cluster; tried row by row."""
    return _placed((tuple((0, per_node, False) for _ in range(nodes))), ways, apart)


def _placed(state: tuple, ways: tuple[tuple[int, bool], ...], apart: bool) -> bool:
    if not ways:
        return True
    (gpus, spread), rest = ways[0], ways[1:]
    seen = set()
    for row in itertools.product(*(range(free + 1) for _, free, _ in state)):
        if sum(row) != gpus or (sum(g > 0 for g in row) > 1) != spread:
            continue
        after = fitted(state, row, spread and apart)
        if after is not None and (key := tuple(sorted(after))) not in seen:
            seen.add(key)
            if _placed(key, rest, apart):
                return True
    return False


def best_on_idle_cluster(instance: go.ElasticInstance, policy: object, powers: Sequence[float]) -> list[float]:
    """The highest FITNESS_p for each p, over every combination of configurations that can be placed."""
    ways, jobs = instance.configurations, len(instance.jobs)
    kinds = [(0, False), *zip(ways.gpus.tolist(), ways.spread.tolist(), strict=True)]
    x = np.concatenate([np.zeros((jobs, 1)), instance.goodput / policy.reference_goodput(instance)[:, None]], axis=1)
    allowed = [np.flatnonzero((x[j] > 0) | (np.arange(len(kinds)) == 0)) for j in range(jobs)]
    nodes, per_node = instance.nodes, int(instance.gpus_per_node[0])
    vectors = []
    for choice in itertools.product(*allowed):
        chosen = tuple(sorted((kinds[c] for c in choice if c), reverse=True))
        total = sum(g for g, _ in chosen)
        if total <= nodes * per_node and placeable(nodes, per_node, chosen, policy.one_distributed_per_node):
            vectors.append([x[j, c] for j, c in enumerate(choice)])
    t = np.array(vectors) + policy.unallocated
    best = []
    for p in powers:
        if p == -math.inf:
            best.append(float(t.min(axis=1).max()))
        elif p == 0:
            best.append(float(np.exp(np.log(t).mean(axis=1)).max()))
        else:
            best.append(float(((t**p).mean(axis=1) ** (1.0 / p)).max()))
    return best
