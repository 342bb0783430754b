"""The figures of a fairness audit, as plain formulas over arrays.

    entitlement   e_i        the part of the cluster that job i has a right to, sum 1 (equal parts, or by weight)
    fair share    X_ij = e_i N_j / s_i, rows cut to sum 1;   fair_i = sum_j T_ij X_ij    (e_i = 1/J: Gavel's isolated share)
    advantage     r_i / fair_i                               sharing incentive: at least 1 for every job
    bundle        B_ij       accelerators of type j that job i holds on average; a shared gang counts half for each of two
    envy          V_i(b) = max { T_i.x : s_i x_j <= b_j, sum_j x_j <= 1 }, so fastest types first;
                  i envies k when  V_i(B_k e_i / e_k) > r_i
    rho           (t_i + n_i / r_i) / (C_i + n_i / iso_i)    finish-time fairness against an equal isolated share

T (J, R) rates of whole gangs; s (J,) gangs; N (R,) accelerators; n steps left, t seconds since arrival, C seconds that the
steps done would have taken on an isolated share.
Reference: Ghodsi et al., NSDI 2011 (sharing incentive, envy-freeness); Mahajan et al., NSDI 2020 (finish-time fairness);
Narayanan et al., OSDI 2020, section 4. Envy is scaled by entitlement and cut to the envious job's gang and time budget,
which those papers do not need: there one machine is as good as another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavelopt.errors import InputError
from gavelopt.model.allocation import Allocation
from gavelopt.model.arrays import FloatArray, IntArray, vector
from gavelopt.model.instance import Instance

CELLS = 1 << 21  # (job, bundle, type) cells held in memory at once
ENTITLEMENTS = ("weight", "equal")


def entitlements(instance: Instance, by: str | object = "weight") -> FloatArray:
    """(J,) part of the cluster that each job has a right to, sum 1.

    by: "weight", "equal", or (J,) positive numbers. Raises InputError for anything else.
    """
    jobs = instance.jobs
    if isinstance(by, str):
        if by not in ENTITLEMENTS:
            rule = "weight, equal, or one positive number a job"
            raise InputError("unknown entitlement", seen=repr(by), rule=rule)
        right = jobs.weight if by == "weight" else np.ones(len(jobs))
    else:
        right = vector(by, len(jobs), "entitlement", jobs.names, strict=True)
    return np.asarray(right / max(float(right.sum()), 1e-300))


def fair_rates(instance: Instance, entitlement: FloatArray) -> FloatArray:
    """(J,) rate of each job with its part of every type and nobody else there; 0 for a job that can run nowhere."""
    share = entitlement[:, None] * instance.cluster.count[None, :] / instance.jobs.scale_factor[:, None]
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1.0)
    return np.asarray(np.einsum("jr,jr->j", instance.rates, np.where(instance.usable, share, 0.0)))


def bundles(allocation: Allocation) -> FloatArray:
    """(J, R) accelerators of each type that each job holds on average; members of a shared column hold equal parts."""
    space = allocation.space
    if space.singles is not None:
        return np.asarray(allocation.matrix * space.singles.use[:, None])
    _, member, use = space.matrices
    part = allocation.x / np.maximum(np.asarray(member.sum(axis=0)).ravel(), 1.0)
    return np.asarray((member.multiply(part[None, :]) @ use.T).todense())


@dataclass(frozen=True, eq=False)
class Envy:
    """The bundle that each job would like best among those of the others, scaled to its own entitlement.

    rate: (J,) throughput with that bundle, cut to the job's gang and time; of: (J,) whose bundle it is, -1 for nobody's.
    """

    rate: FloatArray
    of: IntArray


def envy(instance: Instance, held: FloatArray, entitlement: FloatArray) -> Envy:
    """What each job would do with the best of the others' bundles ``held`` (J, R).

    Jobs alike in rates, gang and entitlement are looked at once, and so are bundles alike per entitlement.
    """
    jobs = len(instance.jobs)
    rate, of = np.zeros(jobs), np.full(jobs, -1)
    if jobs < 2 or not len(instance.cluster):
        return Envy(rate, of)
    offered, first, mine = _alike(held / entitlement[:, None])
    own = np.column_stack([instance.rates, entitlement / instance.jobs.scale_factor])
    kinds, _, kind = _alike(own)
    types = len(instance.cluster)
    block = max(1, CELLS // max(1, len(offered) * types))
    for start in range(0, len(kinds), block):
        rows = kinds[start : start + block]
        worth = _worth(rows[:, :types], rows[:, types], offered)
        here = np.flatnonzero((kind >= start) & (kind < start + len(rows)))
        line = kind[here] - start
        best, second = _two_best(worth)
        # never its own bundle, nor one exactly like it
        chosen = np.where(best[line] == mine[here], second[line], best[line])
        rate[here] = np.where(chosen >= 0, worth[line, chosen], 0.0)
        of[here] = np.where(rate[here] > 0.0, first[chosen], -1)
    return Envy(rate, of)


def _two_best(worth: FloatArray) -> tuple[IntArray, IntArray]:
    """(rows,) positions of the largest and the second largest of each row; -1 where there is no second."""
    best = np.argmax(worth, axis=1)
    if worth.shape[1] < 2:
        return best, np.full(len(worth), -1)
    rest = worth.copy()
    rest[np.arange(len(worth)), best] = -1.0
    return best, np.argmax(rest, axis=1)


def _worth(rates: FloatArray, scale: FloatArray, offered: FloatArray) -> FloatArray:
    """(K, B) V_k of every bundle: types in falling order of rate, until the time is used up."""
    order = np.argsort(-rates, axis=1, kind="stable")
    sorted_rates = np.take_along_axis(rates, order, axis=1)
    left = np.ones((len(rates), len(offered)))
    worth = np.zeros_like(left)
    for place in range(rates.shape[1]):
        time = np.minimum(offered[:, order[:, place]].T * scale[:, None], left)
        worth += time * sorted_rates[:, place, None]
        left -= time
    return worth


def _alike(rows: FloatArray) -> tuple[FloatArray, IntArray, IntArray]:
    """(distinct rows, position of the first of each, which of them every row is)."""
    distinct, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return distinct, first, which.ravel()


def finish_time_ratios(instance: Instance, rate: FloatArray) -> FloatArray:
    """(J,) rho at throughputs ``rate``; NaN where unknown or meaningless (nothing left to do, or can run nowhere).

    A job that has just arrived has rho = iso / r, whatever its steps.
    """
    jobs = instance.jobs
    iso = fair_rates(instance, np.full(len(jobs), 1.0 / max(len(jobs), 1)))
    new = (jobs.elapsed_s == 0) & (jobs.isolated_elapsed_s == 0)
    steps = np.where(new, 1.0, np.nan)
    if jobs.steps is not None:
        steps = np.where(np.isnan(jobs.steps), steps, jobs.steps)
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = jobs.elapsed_s + steps / rate
        alone = jobs.isolated_elapsed_s + steps / iso
        return np.where((iso > 0) & (steps > 0), shared / alone, np.nan)
