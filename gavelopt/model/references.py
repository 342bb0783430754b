"""Reference allocations and the rates they give: what "normalised throughput" is normalised by.

    proportional   X_ij = N_j / sum N                     every job alike; ignores the number of jobs and the gang
    isolated       X_ij = N_j / (J s_i), row sums cut to 1    a 1/J slice of the cluster
    best           all time on the fastest type

A job that can run nowhere has reference rate 1, so that its normalised rate is 0. Rates are normalised by the shares of
``instance.yardstick``, which is the cluster itself unless a what-if question holds it still.
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
    return np.where(instance.usable, _isolated(instance, instance.cluster.count), 0.0)


def equal_share_rate(instance: Instance, space: AllocationSpace) -> FloatArray:
    """(J,) rate under the proportional allocation of the yardstick."""
    count = instance.yardstick.count
    share = count / count.sum() if count.sum() > 0 else count
    return _positive(np.einsum("jc,c->j", _yardstick_rates(space), share))


def isolated_rate(instance: Instance, space: AllocationSpace) -> FloatArray:
    """(J,) rate under the isolated allocation of the yardstick."""
    share = _isolated(instance, instance.yardstick.count)
    return _positive(np.einsum("jc,jc->j", _yardstick_rates(space), share))


def best_rate(space: AllocationSpace) -> FloatArray:
    """(J,) rate on the fastest type of the yardstick."""
    return _positive(_yardstick_rates(space).max(axis=1, initial=0.0))


def _isolated(instance: Instance, count: FloatArray) -> FloatArray:
    share = count[None, :] / (max(len(instance.jobs), 1) * instance.jobs.scale_factor[:, None])
    return np.asarray(share / np.maximum(share.sum(axis=1, keepdims=True), 1.0))


def _yardstick_rates(space: AllocationSpace) -> FloatArray:
    """(J, C) rates of each job alone on each type of the yardstick, 0 where it cannot run."""
    assert space.grid is not None, "spaces with shared columns keep the grid of their single columns"
    return space.grid.table if space.grid.yardstick is None else space.grid.yardstick


def _positive(rates: FloatArray) -> FloatArray:
    return np.where(rates > 0, rates, 1.0)
