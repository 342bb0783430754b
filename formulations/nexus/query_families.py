"""Random queries, for tests and benchmarks: trees of models with fan-outs, and graphs with joins."""

from __future__ import annotations

import numpy as np

import gavelopt as go

BATCHES = np.array([1, 2, 4, 8, 16, 32])
NO_SESSIONS = go.SessionSet(0, model=(), rate_rps=(), slo_ms=())


def random_query_instance(
    seed: int = 0, stages: int | None = None, joins: int = 0, tick_ms: int = 1
) -> go.PackingInstance:
    """One query of 2 to 7 stages: a random tree, plus ``joins`` further edges; latencies are multiples of ``tick_ms``."""
    rng = np.random.default_rng([seed, joins])
    count = int(rng.integers(2, 8)) if stages is None else stages
    profiles = []
    for v in range(count):
        alpha, beta = rng.uniform(0.5, 4.0), rng.uniform(2.0, 12.0)
        ticks = np.maximum(np.round((alpha * BATCHES + beta) / tick_ms), 1)
        profiles.append(go.BatchProfile(f"m{v}", "gpu", BATCHES, ticks * tick_ms * 1000.0))
    parents: list[set[int]] = [set()] + [{int(rng.integers(0, v))} for v in range(1, count)]
    for _ in range(joins):
        later = int(rng.integers(1, count))
        parents[later].add(int(rng.integers(0, later)))
    nodes = [
        go.Stage(f"v{v}", f"m{v}", float(np.round(rng.uniform(0.2, 4.0), 2)) if v else 1.0, tuple(f"v{u}" for u in up))
        for v, up in enumerate(parents)
    ]
    rate = float(np.round(rng.uniform(20, 400), 1))
    probe = go.Query("q", rate, 1.0, nodes)
    smallest = probe.longest_path(np.array([int(profiles[int(s.model[1:])].latency_us[0]) for s in probe.stages]))
    even = int(probe.depth.max()) * max(int(p.latency_us[0]) for p in profiles)
    slo = np.ceil(2 * max(smallest, even) / 1000 * rng.uniform(1.1, 4.0) / tick_ms) * tick_ms
    query = go.Query("q", rate, float(slo), nodes)
    return go.PackingInstance((go.GpuType("gpu"),), tuple(profiles), NO_SESSIONS, (query,))
