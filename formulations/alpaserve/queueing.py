"""Why model parallelism helps: two models on two devices as queues.

Poisson requests at total rate lam, shares p and 1 - p, service D on one device. M/D/1 gives a mean latency of
W = D + lam D^2 / (2 (1 - lam D)). Seconds everywhere; infinite where a queue is unstable.

    one model a device    W_simple = D + p^2 lam D^2 / (2 (1 - p lam D)) + (1-p)^2 lam D^2 / (2 (1 - (1-p) lam D))
    shared 2-stage pipe   W_pipe   = D_s + lam D_m^2 / (2 (1 - lam D_m)),   D_s the sum of stages, D_m the slowest

Without overhead (D_s = D, D_m = D/2) the pipeline's wait does not depend on p and is half the split's at p = 1/2.
Overheads: communication alpha scales both (D_s = alpha D, D_m = alpha D / 2); an uneven cut beta only the slowest stage
(D_s = D, D_m = beta D / 2). The largest ones for which the pipeline is no slower, with r = lam D in (0, 2):

    alpha(r) = (-8 + r^2 + sqrt(64 - 96 r + 56 r^2 - 12 r^3 + r^4)) / (3 (r^2 - 2 r))
    beta(r)  = (r - sqrt(8 - 4 r + r^2)) / (r - 2)

Bursty arrivals (G/D/1): Kingman's bound with constant service,  W_q ~ rho / (1 - rho) x cv^2 / 2 x D_m,  is the surrogate.
Reference: AlpaServe, OSDI 2023, section 3.4 and appendix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gavelopt as go


def md1_latency(rate_rps: Any, service_s: Any, slowest_s: Any = None) -> Any:
    """Mean latency of a queue with constant service; ``slowest_s`` of a pipeline whose stages sum to ``service_s``."""
    return gd1_latency(rate_rps, service_s, 1.0, slowest_s)


def gd1_latency(rate_rps: Any, service_s: Any, cv: Any, slowest_s: Any = None) -> Any:
    """Kingman's surrogate for arrivals of coefficient of variation ``cv``; exact for cv = 1 (M/D/1)."""
    slowest = np.asarray(service_s if slowest_s is None else slowest_s, dtype=float)
    load = np.asarray(rate_rps, dtype=float) * slowest
    with np.errstate(divide="ignore", invalid="ignore"):
        wait = load / (1.0 - load) * np.asarray(cv, dtype=float) ** 2 / 2.0 * slowest
    return _plain(np.where(load < 1.0, np.asarray(service_s) + wait, np.inf))


def simple_latency(rate_rps: Any, service_s: Any, share: Any = 0.5) -> Any:
    """Mean latency of two models on a device each; ``share`` of the requests are for the first."""
    p = np.asarray(share, dtype=float)
    first, second = md1_latency(p * rate_rps, service_s), md1_latency((1.0 - p) * rate_rps, service_s)
    with np.errstate(invalid="ignore"):
        mean = np.where(p > 0, p * first, 0.0) + np.where(p < 1, (1.0 - p) * second, 0.0)
    return _plain(mean)


def pipeline_latency(rate_rps: Any, service_s: Any, alpha: Any = 1.0, beta: Any = 1.0) -> Any:
    """Mean latency of both models on one 2-stage pipeline with overheads ``alpha`` and ``beta``."""
    total = np.asarray(alpha) * service_s
    return md1_latency(rate_rps, total, np.asarray(beta) * total / 2.0)


def largest_alpha(r: Any) -> Any:
    """The largest communication overhead at which the pipeline is no slower than the split; r = lam D in (0, 2)."""
    r = np.asarray(r, dtype=float)
    root = np.sqrt(64 - 96 * r + 56 * r**2 - 12 * r**3 + r**4)
    return _plain((-8 + r**2 + root) / (3 * (r**2 - 2 * r)))


def largest_beta(r: Any) -> Any:
    """The largest stage imbalance at which the pipeline is no slower than the split; r = lam D in (0, 2)."""
    r = np.asarray(r, dtype=float)
    return _plain((r - np.sqrt(8 - 4 * r + r**2)) / (r - 2))


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else np.asarray(value)


def two_model_instance(
    rate_rps: float, service_s: float, *, pipelined: bool, share: float = 0.5, requests: int = 200_000, seed: int = 0
) -> tuple[go.PlacementInstance, go.Placement]:
    """The set-up of the formulas for the simulator: two models, two devices, no overheads, no objective; and its placement."""
    stages = 2 if pipelined else 1
    shape = go.Configuration(stages, 1)
    rows = [go.ServingProfile("m", go.Configuration(k, 1), (service_s / k,) * k, (0.0,) * k) for k in (1, 2)]
    rates = np.array([share, 1.0 - share]) * rate_rps
    models = go.ServedModels(["a", "b"], ["m", "m"], np.inf, rates, 1.0)
    instance = go.PlacementInstance(
        go.Cluster({"device": 2}, memory_gib=[1.0]),
        models,
        go.ServingProfiles(rows),
        go.serving.gamma_workload(rates, 1.0, requests / rate_rps, seed),
        overheads=go.serving.NO_OVERHEADS,
    )
    groups = [(shape, ["a", "b"])] if pipelined else [(shape, ["a"]), (shape, ["b"])]
    return instance, instance.placement(groups)
