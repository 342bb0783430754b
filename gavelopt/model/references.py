"""Reference allocations and the rates they give: what "normalised throughput" is normalised by.

    proportional   X_ij = N_j / sum N                     every job alike; ignores the number of jobs and the gang
    isolated       X_ij = N_j / (J s_i), row sums cut to 1    a 1/J slice of the cluster
    best           all time on the fastest type

A job that can run nowhere has reference rate 1, so that its normalised rate is 0.
"""

from __future__ import annotations

import numpy as np

from gavelopt.model.arrays import FloatArray
from gavelopt.model.instance import Instance
from gavelopt.model.space import AllocationSpace


def proportional_share(instance: Instance) -> FloatArray:
    """(J, R) the proportional allocation."""
    count = instance.cluster.count
    share = count / count.sum() if count.sum() > 0 else count
    return np.where(instance.usable, share[None, :], 0.0)


def isolated_share(instance: Instance) -> FloatArray:
    """(J, R) the isolated allocation; always within capacity."""
    jobs = len(instance.jobs)
    share = instance.cluster.count[None, :] / (max(jobs, 1) * instance.jobs.scale_factor[:, None])
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1.0)
    return np.where(instance.usable, share, 0.0)


def equal_share_rate(instance: Instance, space: AllocationSpace) -> FloatArray:
    """(J,) rate under the proportional allocation."""
    count = instance.cluster.count
    share = count / count.sum() if count.sum() > 0 else count
    return _positive(single_rates(space) @ share)


def isolated_rate(instance: Instance, space: AllocationSpace) -> FloatArray:
    """(J,) rate under the isolated allocation."""
    return _positive(np.einsum("jc,jc->j", single_rates(space), isolated_share(instance)))


def best_rate(space: AllocationSpace) -> FloatArray:
    """(J,) rate on the fastest type."""
    return _positive(single_rates(space).max(axis=1, initial=0.0))


def single_rates(space: AllocationSpace) -> FloatArray:
    """(J, C) rates of each job alone on each resource."""
    assert space.grid is not None, "spaces with shared columns keep the grid of their single columns"
    return space.grid.table


def _positive(rates: FloatArray) -> FloatArray:
    return np.where(rates > 0, rates, 1.0)
