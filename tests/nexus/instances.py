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
    """The unsplit optimum of a small instance of residuals on types without limits or prices, from the definition."""
    cost = cheapest_by_hand(instance, "gpus")
    assert cost is not None
    return cost // 1_000_000


def cheapest_by_hand(instance: go.PackingInstance, minimise: str) -> int | None:
    """The least cost of an unsplit packing in millionths, None where the GPUs do not suffice.

    A set fits one GPU of type t where some batch vector has  sum l <= min(b / r, L - l)  within its memory; then the best
    partition into such sets. The first phase is taken from the instance.
    """
    price = instance.price(minimise)
    phase = go.packing.saturate(instance, price)
    sessions = tuple(int(k) for k in range(len(instance.sessions)) if phase.residual_urps[k] > 0)
    left = instance.count - phase.whole.sum(axis=0)
    room = tuple(int(min(count, len(sessions))) for count in left)

    @cache
    def fits(group: tuple[int, ...], t: int) -> bool:
        choices = []
        for k in group:
            curve = instance.curve(k, t)
            if curve is None:
                return False
            rate, slo = Fraction(int(phase.residual_urps[k]), 10**12), int(instance.budget_us[k, t])
            choices.append(
                [
                    (curve.latency(b), min(b / rate, slo - curve.latency(b)), int(curve.memory_bytes[b - 1]))
                    for b in range(1, len(curve) + 1)
                    if curve.latency(b) < slo
                ]
            )
        memory = int(instance.memory_bytes[t])
        return any(
            sum(time for time, _, _ in vector) <= min(bears for _, bears, _ in vector)
            and sum(held for _, _, held in vector) <= memory
            for vector in product(*choices)
        )

    @cache
    def least(waiting: tuple[int, ...], free: tuple[int, ...]) -> int | None:
        if not waiting:
            return 0
        head, rest = waiting[0], waiting[1:]
        best: int | None = None
        for bits in range(1 << len(rest)):
            group = (head, *(k for i, k in enumerate(rest) if bits >> i & 1))
            others = tuple(k for k in rest if k not in group)
            for t in range(len(free)):
                if free[t] > 0 and fits(group, t):
                    after = least(others, tuple(n - (i == t) for i, n in enumerate(free)))
                    if after is not None and (best is None or after + int(price[t]) < best):
                        best = after + int(price[t])
        return best

    found = least(sessions, room)
    return None if found is None else found + int((phase.whole @ price).sum())
