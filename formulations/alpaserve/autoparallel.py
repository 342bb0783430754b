"""Automatic parallelisation for inference: cut K layers into S pipeline stages so that the slowest is as fast as possible.

    F(s, k) = min over 1 <= i <= k of  max( F(s-1, i-1), lat(i, k) ),   F(0, 0) = 0,   lat(i, k) = sum of layers i..k

because a pipeline's throughput is 1 / slowest stage while its latency stays the sum. With prefix sums K measurements
replace K^2; O(K^2 S). lat(i, k) is infinite where the layers' weights exceed the memory of a stage. Intra-op widths are
columns of the profile: the operator-level plan is measured, not searched here.
Reference: AlpaServe, OSDI 2023, section 4.1; without its operator-level integer program.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

import gavelopt as go


def slice_layers(
    latency_s: Sequence[float] | go.FloatArray,
    stages: int,
    weight_gib: Sequence[float] | go.FloatArray | None = None,
    memory_gib: float = np.inf,
) -> list[slice]:
    """The ``stages`` consecutive slices of the layers with the smallest largest latency.

    Args:
        latency_s: (K,) seconds of each layer.
        weight_gib: (K,) weights of each layer, held against ``memory_gib`` per stage; None: no limit.

    Raises:
        InputError: more stages than layers, or no cut fits into memory.
    """
    layers = len(latency_s)
    if not 1 <= stages <= layers:
        raise go.InputError("stages out of range", seen=stages, rule=f"1 to {layers} layers")
    cost = _interval_cost(latency_s, weight_gib, memory_gib)
    best = np.full((stages + 1, layers + 1), np.inf)
    came = np.zeros((stages + 1, layers + 1), dtype=np.int64)
    best[0, 0] = 0.0
    for s in range(1, stages + 1):
        slowest = np.maximum(best[s - 1][:, None], cost)  # (start, end): stages before `start`, one stage start..end
        came[s] = slowest.argmin(axis=0)
        best[s] = slowest.min(axis=0)
    if not np.isfinite(best[stages, layers]):
        raise go.InputError("no cut fits into memory", seen=f"{stages} stages of {memory_gib} GiB", fix="more stages")
    cuts, end = [], layers
    for s in range(stages, 0, -1):
        start = int(came[s, end])
        cuts.append(slice(start, end))
        end = start
    return cuts[::-1]


def _interval_cost(
    latency_s: Sequence[float] | go.FloatArray, weight_gib: Sequence[float] | go.FloatArray | None, memory_gib: float
) -> go.FloatArray:
    """(K+1, K+1) latency of the layers [start, end); infinite where empty, reversed or too heavy."""
    prefix = np.concatenate([[0.0], np.cumsum(np.asarray(latency_s, dtype=float))])
    cost = prefix[None, :] - prefix[:, None]
    starts, ends = np.indices(cost.shape)
    cost[ends <= starts] = np.inf
    if weight_gib is not None:
        held = np.concatenate([[0.0], np.cumsum(np.asarray(weight_gib, dtype=float))])
        cost[held[None, :] - held[:, None] > memory_gib * (1 + 1e-9)] = np.inf
    return np.asarray(cost)


def least_bottleneck(latency_s: Sequence[float] | go.FloatArray, stages: int) -> float:
    """The slowest stage of the best cut by bisection over all interval sums: an independent check, O(K^2 log K)."""
    prefix = np.concatenate([[0.0], np.cumsum(np.asarray(latency_s, dtype=float))])
    sums = prefix[None, :] - prefix[:, None]
    candidates = np.unique(sums[np.triu_indices(len(prefix), 1)])
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        if _packs(prefix, float(candidates[middle]), stages):
            high = middle
        else:
            low = middle + 1
    return float(candidates[low])


def _packs(prefix: go.FloatArray, limit: float, stages: int) -> bool:
    """Whether filling stage after stage up to ``limit`` needs at most ``stages`` of them."""
    start = 0
    for _ in range(stages):
        fitting = np.flatnonzero(prefix - prefix[start] <= limit)
        start = int(fitting[-1])
        if start == len(prefix) - 1:
            return True
    return False


def equal_layers(layers: int, stages: int) -> list[slice]:
    """Stages of equal numbers of layers (the first ones take what is left over): what manual splitting does."""
    edges = [round(layers * s / stages) for s in range(stages + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def profile_of(
    model: str,
    latency_s: Sequence[float],
    weight_gib: Sequence[float],
    stages: int,
    *,
    intra_op: int = 1,
    memory_gib: float = np.inf,
    hop_s: float = 0.0,
) -> go.ServingProfile:
    """The profile of the best cut: layer figures are those measured at width ``intra_op``; ``hop_s`` per stage boundary."""
    cuts = slice_layers(latency_s, stages, weight_gib, memory_gib)
    stage = [sum(latency_s[cut]) + (hop_s if s else 0.0) for s, cut in enumerate(cuts)]
    weight = [sum(weight_gib[cut]) for cut in cuts]
    return go.ServingProfile(model, go.Configuration(stages, intra_op), tuple(stage), tuple(weight))


def overhead(cuts: Sequence[slice], latency_s: Sequence[float]) -> float:
    """What uneven stages cost: stages x slowest stage / sum of the layers - 1."""
    slowest = max(sum(latency_s[cut]) for cut in cuts)
    return len(cuts) * slowest / sum(latency_s) - 1.0


def pareto_configurations(profiles: go.ServingProfiles, model: str) -> list[go.Configuration]:
    """The configurations of a model that no other beats in devices, latency, slowest stage and memory at once."""
    rows = [profiles.get(model, configuration) for configuration in profiles.configurations(model)]
    known = [row for row in rows if row is not None]
    cost = [(row.configuration.size, row.latency_s, row.slowest_stage_s, row.weight_gib) for row in known]

    def dominated(own: tuple[float, ...]) -> bool:
        return any(other != own and all(a <= b for a, b in zip(other, own, strict=True)) for other in cost)

    return [row.configuration for row, own in zip(known, cost, strict=True) if not dominated(own)]
