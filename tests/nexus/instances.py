"""Instances that several tests use, and an oracle that shares nothing with the methods or the judge."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import product

import gavelopt as go

GPU = (go.GpuType("gpu"),)


def abc(rates: Sequence[float], **options: object) -> go.PackingInstance:
    """The paper's three models (Nexus, section 6.1): batches 4, 8, 16."""
    profiles = [
        go.BatchProfile.from_ms("A", "gpu", {4: 50, 8: 75, 16: 100}),
        go.BatchProfile.from_ms("B", "gpu", {4: 50, 8: 90, 16: 125}),
        go.BatchProfile.from_ms("C", "gpu", {4: 60, 8: 95, 16: 125}),
    ]
    sessions = go.SessionSet("ABC", model="ABC", rate_rps=rates, slo_ms=[200, 250, 250])
    return go.PackingInstance(GPU, profiles, sessions, **options)  # type: ignore[arg-type]


def lecture() -> go.PackingInstance:
    """The lecture's single model: 128 ms for a batch of 16, so 125 req/s a GPU; 1100 req/s asked for."""
    profile = go.BatchProfile.from_ms("m", "gpu", {16: 128})
    return go.PackingInstance(GPU, [profile], go.SessionSet(["s"], model=["m"], rate_rps=[1100], slo_ms=[256]))


def linear(
    rates: Sequence[float],
    slos: Sequence[float],
    alpha: Sequence[float],
    beta: Sequence[float],
    batches: int = 8,
    gpus: Sequence[go.GpuType] = GPU,
    **options: object,
) -> go.PackingInstance:
    """Sessions s0, s1, ... with latency alpha b + beta ms on every type."""
    profiles = [
        go.BatchProfile.from_ms(f"m{k}", gpu.name, {b: a * b + c for b in range(1, batches + 1)})
        for k, (a, c) in enumerate(zip(alpha, beta, strict=True))
        for gpu in gpus
    ]
    models = [f"m{k}" for k in range(len(rates))]
    sessions = go.SessionSet(len(rates), model=models, rate_rps=rates, slo_ms=slos)
    return go.PackingInstance(gpus, profiles, sessions, **options)  # type: ignore[arg-type]


def fewest_by_hand(instance: go.PackingInstance) -> int:
    """The unsplit optimum of a small instance of residuals on one type, from the definition.

    A set fits one GPU where some batch vector has  sum l <= min(b / r, L - l); then the best partition into such sets.
    """
    sessions = [k for k in range(len(instance.sessions)) if instance.sessions.rate_urps[k] > 0]

    @cache
    def fits(group: tuple[int, ...]) -> bool:
        choices = []
        for k in group:
            curve = instance.curve(k, 0)
            assert curve is not None
            rate, slo = Fraction(int(instance.sessions.rate_urps[k]), 10**12), int(instance.sessions.slo_us[k])
            choices.append(
                [
                    (curve.latency(b), min(b / rate, slo - curve.latency(b)))
                    for b in range(1, len(curve) + 1)
                    if curve.latency(b) < slo
                ]
            )
        return any(sum(time for time, _ in vector) <= min(bears for _, bears in vector) for vector in product(*choices))

    @cache
    def least(left: tuple[int, ...]) -> int:
        if not left:
            return 0
        head, rest = left[0], left[1:]
        best = 10**6
        for bits in range(1 << len(rest)):
            group = (head, *(k for i, k in enumerate(rest) if bits >> i & 1))
            if fits(group):
                best = min(best, 1 + least(tuple(k for k in rest if k not in group)))
        return best

    return least(tuple(sessions))
