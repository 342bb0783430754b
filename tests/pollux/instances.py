"""Instances that Pollux's tests share."""

from __future__ import annotations

import numpy as np

import gavelopt as go
from formulations.pollux.apps import sample

POWERS = (-10.0, -1.0, -0.5, 0.0, 0.5, 1.0, -np.inf)


def tiny(number: int) -> go.ElasticInstance:
    """At most 4 jobs on at most 3 nodes of 4 GPUs."""
    random = np.random.default_rng(number)
    return sample(int(random.integers(1, 5)), int(random.integers(1, 4)), seed=number)


def busy(number: int, nodes: object = 3, *, pinned: bool = False, jobs: int = 4) -> go.ElasticInstance:
    """A tiny instance whose jobs run somewhere already, with ages and restarts; some may not be moved."""
    random = np.random.default_rng(number)
    columns = {"age_s": random.uniform(0.0, 300.0, jobs), "restarts": random.integers(0, 3, jobs)}
    if pinned:
        columns["preemptible"] = random.random(jobs) < 0.5
    instance = sample(jobs, nodes, seed=number, **columns)
    return instance.replace(current=somewhere(instance, random))


def somewhere(instance: go.ElasticInstance, random: np.random.Generator) -> go.IntArray:
    """A feasible (J, N) plan that nobody has optimised."""
    plan = np.zeros((len(instance.jobs), instance.nodes), dtype=np.int64)
    free, open_ = instance.node_gpus.copy(), np.ones(instance.nodes, dtype=bool)
    for job in range(len(plan)):
        kind = random.integers(len(instance.cluster))
        here = (instance.node_type == kind) & (random.random(instance.nodes) < 0.6)
        row = np.where(here, random.integers(0, free + 1), 0)
        across = (row > 0).sum() > 1
        if across and not open_[row > 0].all():
            continue
        plan[job], free = row, free - row
        open_[row > 0] &= not across
    return plan


def crossing_is_cheap(instance: go.ElasticInstance) -> go.ElasticInstance:
    """The same jobs with the two kinds of synchronisation exchanged: several nodes beat one."""
    perf = instance.jobs.perf[:, :, [0, 1, 4, 5, 2, 3, 6]]
    return instance.replace(jobs=instance.jobs.replace(perf=perf))
