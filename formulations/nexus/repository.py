"""What the repository does instead of the paper's algorithm: another batch rule, and an online order.

    whole GPUs   B = largest batch with  2 l(b) <= L - network;   sessions by falling rate take floor(R / T) GPUs, T = B / l(B)
    residual     b = largest batch <= B with  (b - 1) / r + l(b) <= L;   d_max = min(L - l(b), b / r)
    placing      d = min of the members' d_max, batches ceil(d r), refused where sum l > d; of the GPUs that can take the
                 whole residual the one that gets fullest, else an idle one
    nothing is moved again

Every latency is multiplied by ``profile_multiplier`` and objectives lose ``network_ms`` in the rule for whole GPUs: 1.15 and
2 ms in the repository, 1 and 0 here, so that the methods can be compared.
Reference: the Nexus repository, src/nexus/scheduler (commit b436191). What differs here: the latencies are the monotone
ones of the instance, where the repository scans a raw table and stops at the first batch that is too slow; a batch may
not be 0.001 requests short; memory, which the repository stores and never reads, is kept.
"""

from __future__ import annotations

import numpy as np

import gavelopt as go
from formulations.nexus.greedy import best_fit
from formulations.nexus.residuals import EXACT, UNLIMITED, Residuals


def greedy_repository(problem: go.Problem, profile_multiplier: float = 1.0, network_ms: float = 0.0) -> go.Answer:
    """The repository's scheduler on all sessions at once."""
    instance = problem.instance
    assert isinstance(instance, go.PackingInstance)
    careful = slower(instance, profile_multiplier)
    if len(careful.unservable):
        raise go.Infeasible(careful.why_unservable())
    price = instance.price(getattr(problem.policy, "minimise", "gpus"))
    whole, residuals = _whole_gpus(careful, round(network_ms * 1000), price)
    bins, _ = best_fit(residuals, "repository", np.argsort(-residuals.rate, kind="stable"))
    return go.Answer(np.zeros(0), plan=go.PackingPlan(instance, [*whole, *(residuals.cycle(gpu) for gpu in bins)]))


def slower(instance: go.PackingInstance, multiplier: float) -> go.PackingInstance:
    """The instance with every latency multiplied."""
    if multiplier == 1.0:
        return instance
    profiles = [
        go.BatchProfile(
            p.model,
            p.accelerator,
            p.batch,
            p.latency_us * multiplier,
            p.memory_bytes,
            p.std_us,
            p.preprocess_us,
            p.postprocess_us,
        )
        for p in instance.profiles
    ]
    return instance.replace(profiles=profiles)


def _whole_gpus(
    instance: go.PackingInstance, network_us: int, price: go.IntArray
) -> tuple[list[go.packing.DutyCycle], Residuals]:
    """Whole GPUs of the type with the highest throughput that is left; and what remains of every rate."""
    rate = instance.sessions.rate_urps
    left = rate.copy()
    room = np.minimum(instance.count, UNLIMITED).astype(np.int64)
    cycles = []
    for k in np.argsort(-rate, kind="stable"):
        for t, batch, latency in _offers(instance, int(k), network_us):
            # the rate of one GPU, batch / latency, rounded down to a whole microrequest
            number = min(int(left[k]) * latency // (batch * EXACT), int(room[t]))
            if number:
                cycles.append(go.packing.DutyCycle(t, latency, (int(k),), (batch,), number))
                room[t] -= number
                left[k] = max(int(left[k]) - number * (batch * EXACT // latency), 0)
    members = np.flatnonzero(left > 0)
    return cycles, Residuals(instance, members, left[members], price, room)


def _offers(instance: go.PackingInstance, k: int, network_us: int) -> list[tuple[int, int, int]]:
    """(type, largest batch, its latency) by falling throughput; batch 1 even where it is too slow, as in the repository."""
    found = []
    for t in range(len(instance.gpus)):
        curve = instance.curve(k, t)
        if curve is not None and instance.best_batch[k, t] > 0:
            batch = max(int(curve.largest_within((int(instance.budget_us[k, t]) - network_us) // 2)), 1)
            found.append((t, batch, curve.latency(batch)))
    return sorted(found, key=lambda offer: -offer[1] / offer[2])
