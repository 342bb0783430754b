"""Autoscaling: the smallest cluster whose GPUs are used neither too well nor too badly.

    utility(n) = sum_j SPEEDUP_j / G_active          speedups over one replica; G_active GPUs of the nodes in use

is 1 where every GPU trains as efficiently as a single one, and falls as nodes are added, because jobs scale worse than
linearly. Above the band more nodes still train well; below it they are wasted. The present size is kept while its utility is
in the band; otherwise the smallest size with utility <= the band's upper end is taken, by bisection over n, each n planned
exactly. If that size already lies below the band (one node more or less jumps over it) the nearer of the two is taken.

Differs from Pollux, which looks for a cluster size among the Pareto states of one genetic search over twice the nodes.
Reference: Pollux, section 4.2.2; adaptdl's pollux.py, thresholds 0.35 and 0.65.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go
from formulations.pollux.fitness import PolluxFitness, reference_share

BAND = (0.35, 0.65)


@dataclass(frozen=True, eq=False)
class ClusterSize:
    """One size looked at: nodes, its utility, and the plan behind it."""

    nodes: int
    utility: float
    solution: go.Solution


@dataclass(frozen=True, eq=False)
class Autoscaling:
    """The size chosen, and every size looked at, by nodes."""

    chosen: ClusterSize
    sizes: tuple[ClusterSize, ...]

    @property
    def nodes(self) -> int:
        """Nodes of the cluster chosen."""
        return self.chosen.nodes


def autoscale(
    instance: go.ElasticInstance,
    policy: PolluxFitness | None = None,
    band: tuple[float, float] = BAND,
    most: int | None = None,
    method: str = "auto",
) -> Autoscaling:
    """The size of cluster for these jobs, between 1 and ``most`` nodes (by default twice the present).

    Raises:
        InputError: several accelerator types, no nodes, no jobs, a band that is none.
    """
    if len(instance.cluster) != 1 or not instance.nodes or not len(instance.jobs):
        raise go.InputError("autoscaling needs jobs and nodes of one accelerator type", seen=repr(instance))
    if not 0 <= band[0] < band[1]:
        raise go.InputError("band out of range", seen=band, rule="0 <= low < high")
    if most is not None and most < 1:
        raise go.InputError("most out of range", seen=most, rule="at least one node")
    rule = policy or PolluxFitness()
    looked: dict[int, ClusterSize] = {}

    def look(nodes: int) -> ClusterSize:
        if nodes not in looked:
            there: Any = instance if nodes == instance.nodes else instance.with_nodes(nodes)
            solution = go.solve(there, rule, method=method)
            looked[nodes] = ClusterSize(nodes, cluster_utility(there, solution), solution)
        return looked[nodes]

    now = look(instance.nodes)
    chosen = now if band[0] <= now.utility <= band[1] else _searched(look, band, most or 2 * instance.nodes)
    return Autoscaling(chosen, tuple(looked[nodes] for nodes in sorted(looked)))


def _searched(look: Callable[[int], ClusterSize], band: tuple[float, float], most: int) -> ClusterSize:
    """The smallest size not above the band; the nearer of it and the next smaller one where it falls below."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if look(middle).utility <= band[1] else (middle + 1, high)
    found = look(low)
    if found.utility >= band[0] or low == 1:
        return found
    target = 0.5 * (band[0] + band[1])
    return min(found, look(low - 1), key=lambda size: abs(size.utility - target))


def cluster_utility(instance: go.ElasticInstance, solution: go.Solution) -> float:
    """Speedup over one replica for each GPU of a node in use, averaged; 0 for an empty plan."""
    if solution.plan is None or solution.allocation is None:
        raise go.InputError("there is no plan to scale by", seen=f"status {solution.status}: {solution.message}")
    active = int(instance.node_gpus[np.asarray(solution.plan).any(axis=0)].sum())
    alone = reference_share(instance, "one_replica")
    speedup = np.divide(solution.allocation.rates, alone, out=np.zeros(len(alone)), where=alone > 0)
    return float(speedup.sum() / active) if active else 0.0
