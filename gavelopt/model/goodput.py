"""Goodput: the training progress per second of a data-parallel job, as Pollux models it.

K replicas, spread over more than one node or not; m samples a replica and micro-step; s accumulation steps before the
update; M = K m (s + 1) samples an update. In seconds:

    T_grad(m)  = alpha_c + beta_c m
    T_sync     = 0 for K = 1;  alpha_r + beta_r (K - 2) on one node;  alpha_n + beta_n (K - 2) across nodes
    T_iter     = s T_grad + (T_grad^gamma + T_sync^gamma)^(1/gamma)          gamma = 1: no overlap, 10: full overlap
    THROUGHPUT = M / T_iter                                                  samples/s
    EFFICIENCY = (phi + M0) / (phi + M)                                      phi = M0 var / sqr, the gradient noise scale
    GOODPUT    = THROUGHPUT EFFICIENCY                                       useful samples/s, demands M >= M0

T_sync depends on the number of nodes only through "more than one". sqr = 0 means phi = infinite: efficiency 1.
Pollux writes max(K - 2, 1e-8) and T_sync = 1e-8 for K = 1, which keeps its gradients finite; here they are exact zeros.

With h = 1 / GOODPUT, the seconds of a useful sample, two facts make its minimum easy to find exactly (``batch.py``):
for fixed s, h is convex in m (T_iter is, and T_iter / M is a norm of functions convex in m); and for a fixed number of
samples a replica, m (s + 1), it rises with s by at least alpha_c (phi + M) / (M (phi + M0)).

Reference: Qiao et al., Pollux, OSDI 2021, sections 3.1 to 3.3; adaptdl/goodput.py.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gavelopt.model.arrays import BoolArray, FloatArray, IntArray

Numbers = NDArray[Any]  # floats, or whole numbers of samples and steps
PERF = ("alpha_c", "beta_c", "alpha_n", "beta_n", "alpha_r", "beta_r", "gamma")


@dataclass(frozen=True, eq=False)
class GoodputModel:
    """The model of n cells (a job on a configuration, say); every field is (n,) or broadcasts to it.

    alpha_c ... beta_r in seconds (betas: a sample, a replica), gamma >= 1; noise: phi in samples, may be infinite;
    init_batch: M0; replicas: K; spread: over more than one node.
    """

    alpha_c: FloatArray
    beta_c: FloatArray
    alpha_n: FloatArray
    beta_n: FloatArray
    alpha_r: FloatArray
    beta_r: FloatArray
    gamma: FloatArray
    noise: FloatArray
    init_batch: FloatArray
    replicas: IntArray
    spread: BoolArray

    def take(self, rows: Any) -> GoodputModel:
        """The cells at the given rows."""
        return GoodputModel(*(getattr(self, field.name)[rows] for field in fields(self)))

    def grad_time(self, local: Numbers) -> FloatArray:
        """Seconds of one forward and backward pass over ``local`` samples."""
        return self.alpha_c + self.beta_c * local

    def sync_time(self) -> FloatArray:
        """Seconds of one gradient synchronisation, not overlapped."""
        alpha = np.where(self.spread, self.alpha_n, self.alpha_r)
        beta = np.where(self.spread, self.beta_n, self.beta_r)
        return np.where(self.replicas > 1, alpha + beta * np.maximum(self.replicas - 2, 0), 0.0)

    def step_time(self, local: Numbers) -> FloatArray:
        """Seconds of the last micro-step: computation and synchronisation, overlapped."""
        grad, sync = self.grad_time(local), self.sync_time()
        return overlap(grad, sync, self.gamma)

    def iteration_time(self, local: Numbers, accumulation: Numbers) -> FloatArray:
        """T_iter in seconds: ``accumulation`` micro-steps without synchronisation and one with it."""
        return accumulation * self.grad_time(local) + self.step_time(local)

    def iteration_slope(self, local: Numbers, accumulation: Numbers) -> FloatArray:
        """d T_iter / d m."""
        grad = self.grad_time(local)
        step = overlap(grad, self.sync_time(), self.gamma)
        share = np.divide(grad, step, out=np.ones_like(step), where=step > 0) ** (self.gamma - 1.0)
        return self.beta_c * (accumulation + share)

    def batch(self, local: Numbers, accumulation: Numbers) -> FloatArray:
        """M, samples an update."""
        return self.replicas * local * (accumulation + 1.0)

    def throughput(self, local: Numbers, accumulation: Numbers) -> FloatArray:
        """Samples per second."""
        return self.batch(local, accumulation) / self.iteration_time(local, accumulation)

    def efficiency(self, batch: Numbers) -> FloatArray:
        """Progress of a sample at batch size ``batch``, relative to one at M0."""
        return 1.0 / self.samples_needed(batch)

    def samples_needed(self, batch: Numbers) -> FloatArray:
        """(phi + M) / (phi + M0): samples at batch size ``batch`` that teach as much as one at M0."""
        return 1.0 + (batch - self.init_batch) / (self.noise + self.init_batch)

    @property
    def noise_share(self) -> FloatArray:
        """phi / (phi + M0), 1 for an infinite noise scale."""
        return 1.0 - self.init_batch / (self.noise + self.init_batch)

    def goodput(self, local: Numbers, accumulation: Numbers) -> FloatArray:
        """Useful samples per second."""
        return 1.0 / self.seconds(local, accumulation)

    def seconds(self, local: Numbers, accumulation: Numbers) -> FloatArray:
        """h = 1 / GOODPUT."""
        batch = self.batch(local, accumulation)
        return self.iteration_time(local, accumulation) * self.samples_needed(batch) / batch

    def seconds_slope(self, local: Numbers, accumulation: Numbers) -> FloatArray:
        """d h / d m at fixed accumulation; it rises with m, and its sign rises with the accumulation."""
        batch = self.batch(local, accumulation)
        rise = local * self.iteration_slope(local, accumulation) * self.samples_needed(batch)
        return (rise - self.iteration_time(local, accumulation) * self.noise_share) / (batch * local)


def overlap(first: FloatArray, second: FloatArray, gamma: FloatArray) -> FloatArray:
    """(first^gamma + second^gamma)^(1/gamma) without overflow."""
    large, small = np.maximum(first, second), np.minimum(first, second)
    ratio = np.divide(small, large, out=np.zeros(np.broadcast(small, large).shape), where=large > 0)
    return np.asarray(large * (1.0 + ratio**gamma) ** (1.0 / gamma))


def noise_scale(init_batch: Numbers, sqr: FloatArray, var: FloatArray) -> FloatArray:
    """phi = M0 var / sqr in samples; infinite where sqr is 0 and var is not, 0 where both are 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(var > 0, init_batch * var / sqr, 0.0)
