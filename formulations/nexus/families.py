"""Random sessions of five kinds, for the gap table, the scaling study and the tests.

    low       rates 10-60/s, objectives 50-500 ms     light sessions, three or four to a GPU
    tight     rates 10-60/s, objectives 50-120 ms     heavy sessions, of which few pairs fit
    mid       rates 20-300/s, objectives 50-500 ms
    mixed     rates 10-5000/s (log-uniform), objectives 50-500 ms     most load sits on whole GPUs
    residual  rates 5-60/s, objectives 50-500 ms      no session fills a GPU: the second phase alone

Every session has a model of its own with batches 1 .. 64: latency alpha b + beta, or for 40 % of them a curve that grows
like b^0.8, so that throughput keeps rising with the batch. A batch of one takes a given part of the objective.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import gavelopt as go


@dataclass(frozen=True)
class Family:
    """Ranges: rate_rps, slo_ms, and alone = l(1) / SLO; grows_ms caps what one more request adds to a batch."""

    rate_rps: tuple[float, float]
    slo_ms: tuple[float, float]
    alone: tuple[float, float] = (0.02, 0.15)
    grows_ms: float = 8.0


FAMILIES = {
    "low": Family((10.0, 60.0), (50.0, 500.0)),
    "tight": Family((10.0, 60.0), (50.0, 120.0), (0.10, 0.40)),
    "mid": Family((20.0, 300.0), (50.0, 500.0), grows_ms=4.0),
    "mixed": Family((10.0, 5000.0), (50.0, 500.0), grows_ms=4.0),
    "residual": Family((5.0, 60.0), (50.0, 500.0)),
}
LARGEST_BATCH = 64


def random_instance(sessions: int, family: str = "low", seed: int = 0) -> go.PackingInstance:
    """An instance of a family on one unlimited GPU type. Raises InputError for an unknown family."""
    if family not in FAMILIES:
        raise go.UnknownName.among("family", family, FAMILIES)
    rng = np.random.default_rng([seed, sessions, sorted(FAMILIES).index(family)])
    kind = FAMILIES[family]
    slo = np.round(rng.uniform(*kind.slo_ms, sessions))
    rate = rng.uniform(*kind.rate_rps, sessions)
    if family == "mixed":
        rate = np.exp(rng.uniform(np.log(kind.rate_rps[0]), np.log(kind.rate_rps[1]), sessions))
    profiles = [_profile(rng, f"m{k}", slo[k], kind) for k in range(sessions)]
    names = [profile.model for profile in profiles]
    return go.PackingInstance(
        (go.GpuType("gpu"),),
        tuple(profiles),
        go.SessionSet(sessions, model=names, rate_rps=np.round(rate, 2), slo_ms=slo),
        name=f"{family}-{sessions}-{seed}",
    )


def _profile(rng: np.random.Generator, model: str, slo_ms: float, kind: Family) -> go.BatchProfile:
    batch = np.arange(1, LARGEST_BATCH + 1)
    alone = rng.uniform(*kind.alone) * slo_ms
    per_request = min(alone * rng.uniform(0.1, 0.6), kind.grows_ms)
    grown = batch if rng.random() < 0.6 else batch**0.8
    latency_ms = alone - per_request + per_request * grown
    return go.BatchProfile(model, "gpu", batch, np.round(latency_ms * 1000.0))
