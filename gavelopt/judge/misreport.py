"""A strategy-proofness probe: what a job gains when it lies about one of its rates.

Job i reports  f T_ij  instead of T_ij on one type j; everybody else tells the truth; the policy is solved again. The lie
pays when the *true* throughput of i rises:

    gain = r_i(lie) / r_i(truth) - 1,      r_i(lie) = reported rate - (f - 1) T_ij X_ij

X_ij is the time alone on j (rates shared with another job are not lied about). The mechanism that is probed is the policy
with its method: where a policy has many optima, a lie that only tips the choice among them counts. A probe can find a lie
that pays, never prove that there is none.
Reference: Ghodsi et al., NSDI 2011; Narayanan et al., OSDI 2020, section 4.4 (strategy-proof variants).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gavelopt.judge.findings import SHOWN, Finding, Violation
from gavelopt.model.allocation import Allocation
from gavelopt.model.arrays import FloatArray
from gavelopt.model.instance import Instance
from gavelopt.model.throughput import PairTable, ThroughputTable

MATTERS = 1e-3  # smaller gains are the rounding of the solves
FACTORS = (0.5, 2.0)
MEASURE = "largest relative gain of a job that lies about one rate"

Resolve = Callable[[Instance], Allocation | None]


@dataclass(frozen=True)
class Lie:
    """Job ``job`` says that its rate on ``accelerator`` is ``factor`` times what it is, and gains (a part of its rate)."""

    job: str
    accelerator: str
    factor: float
    honest_rate: float
    rate: float

    @property
    def gain(self) -> float:
        """True throughput after the lie over that before, minus 1."""
        if self.honest_rate > 0:
            return self.rate / self.honest_rate - 1.0
        return float("inf") if self.rate > 0 else 0.0


def probe(
    instance: Instance,
    allocation: Allocation,
    resolve: Resolve,
    jobs: Sequence[str],
    factors: Sequence[float] = FACTORS,
) -> list[Lie]:
    """Every lie of ``jobs`` about every type they can use; ``resolve`` solves the policy again and returns its allocation.

    Lies after which the policy has no answer are left out: the liar would get nothing.
    """
    told = []
    for name in jobs:
        job = instance.jobs.names.index(name)
        for column in np.flatnonzero(instance.usable[job] & (instance.rates[job] > 0)):
            for factor in factors:
                after = resolve(lying(instance, job, int(column), factor))
                if after is None:
                    continue
                alone = float(after.x[job * len(instance.cluster) + column])
                rate = after.rates[job] - (factor - 1.0) * instance.rates[job, column] * alone
                place = instance.cluster.accelerators[int(column)]
                told.append(Lie(name, place, factor, float(allocation.rates[job]), float(rate)))
    return told


def liars(instance: Instance, number: int, seed: int = 0) -> list[str]:
    """``number`` jobs to probe, of as many kinds (rates, gang, weight) as there are, drawn with ``seed``."""
    jobs = instance.jobs
    _, first = np.unique(np.column_stack([instance.rates, jobs.scale_factor, jobs.weight]), axis=0, return_index=True)
    rest = np.setdiff1d(np.arange(len(jobs)), first)
    random = np.random.default_rng(seed)
    order = np.concatenate([random.permutation(first), random.permutation(rest)])
    return [jobs.names[int(job)] for job in order[:number]]


def strategy_proofness(told: Sequence[Lie], unit: str) -> Finding:
    """The finding of a probe: every job to which a lie pays, with its best lie. It holds when no lie that was tried pays."""
    order = sorted(told, key=lambda lie: -lie.gain)
    best: dict[str, Lie] = {}
    for lie in order:
        best.setdefault(lie.job, lie)
    paying = [lie for lie in best.values() if lie.gain > MATTERS]
    violations = [
        Violation(
            (lie.job,),
            f"{lie.job} reports {lie.factor:g} times its rate on {lie.accelerator} and runs at {lie.rate:.4g} {unit} "
            f"instead of {lie.honest_rate:.4g} (+{100 * lie.gain:.3g} %)",
            {"factor": lie.factor, "rate": lie.rate, "honest_rate": lie.honest_rate, "gain": lie.gain},
        )
        for lie in paying[:SHOWN]
    ]
    note = f"{len(told)} lies of {len({lie.job for lie in told})} job(s) were tried; others were not"
    figure = order[0].gain if order else None
    return Finding(
        "strategy_proofness", not paying if told else None, figure, MEASURE, tuple(violations), len(paying), note
    )


def lying(instance: Instance, job: int, accelerator: int, factor: float) -> Instance:
    """The instance in which one job reports ``factor`` times its rate alone on one type."""
    table = instance.throughputs
    rows = np.where(table.known, table.rows, np.nan)
    if table.kind is None:
        changed, kind, pairs = rows.copy(), None, table.pairs
        changed[job, accelerator] *= factor
    else:  # the liar leaves its kind for one of its own, and takes the kind's pairs along
        old, new = int(table.kind[job]), len(rows)
        own = rows[old].copy()
        own[accelerator] *= factor
        changed, kind = np.vstack([rows, own]), table.kind.copy()
        kind[job] = new
        pairs = table.pairs and _with_new_kind(table.pairs, old, new, rows.shape[1])
    told = ThroughputTable(
        changed, table.jobs, table.accelerators, kind=kind, unit=table.unit, source=table.source, pairs=pairs
    )
    return instance.replace(throughputs=told)


def _with_new_kind(pairs: PairTable, old: int, new: int, types: int) -> PairTable:
    """The pairs, and again those of kind ``old`` with one member of kind ``new`` in its place."""
    members, rates = [pairs.members], [pairs.rates]
    for side in (0, 1):
        mine = np.flatnonzero(pairs.members[:, side] == old)
        copied = pairs.members[mine].copy()
        copied[:, side] = new
        members.append(copied)
        rates.append(pairs.rates[mine])
    both: FloatArray = np.concatenate(rates)
    return PairTable(np.concatenate(members), both, new + 1, types)
