"""Small instances and random placements that several tests use."""

from __future__ import annotations

import random

import numpy as np

import gavelopt as go
from formulations.alpaserve.scoring import Scorer, canonical


def tiny(
    arrivals: list[list[float]],
    *,
    stages: dict[int, tuple[float, ...]],
    slo: float | list[float] = 10.0,
    devices: int = 2,
    weight: float = 1.0,
    memory: float = 2.0,
    overheads: go.Overheads = go.serving.NO_OVERHEADS,
) -> go.PlacementInstance:
    """Models m0, m1, ... of one profile with the given stage latencies by number of stages."""
    rows = [
        go.ServingProfile("p", go.Configuration(number, 1), latency, (weight / number,) * number)
        for number, latency in stages.items()
    ]
    names = [f"m{i}" for i in range(len(arrivals))]
    models = go.ServedModels(names, ["p"] * len(names), slo)
    cluster = go.Cluster({"gpu": devices}, memory_gib=[memory])
    workload = go.Workload.of([np.array(times) for times in arrivals])
    return go.PlacementInstance(cluster, models, go.ServingProfiles(rows), workload, overheads=overheads)


def random_code(instance: go.PlacementInstance, seed: int, fill: float = 0.7) -> go.serving.Code:
    """A random placement that fits."""
    draw, scorer, left, groups = random.Random(seed), Scorer(instance), instance.devices, []
    while left > 0:
        shape = draw.choice([c for c, size in enumerate(instance.tables.size) if size <= left])
        left -= int(instance.tables.size[shape])
        mask = 0
        for m in draw.sample(range(len(instance.models)), len(instance.models)):
            if draw.random() < fill and scorer.fits((shape, mask | 1 << m)):
                mask |= 1 << m
        groups.append((shape, mask))
    return canonical(groups)


def good(instance: go.PlacementInstance, code: go.serving.Code) -> int:
    """Requests in time of a placement."""
    return int(go.serving.ServingSimulator(instance).good([code])[0])
