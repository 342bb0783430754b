"""Pollux: how many GPUs each job gets, for speed and fairness at once.

    maximise    FITNESS_p = ( (1/J) sum_j (SPEEDUP_j(A_j) + epsilon)^p )^(1/p)
                p = 1 the mean, 0 the geometric mean, -1 the harmonic mean (Pollux's choice), -inf the smallest
    subject to  sum_j A_jn <= R_n                            GPUs of every node n
                A_j on nodes of one type; K_j = sum_n A_jn = 0 or K_min <= K_j <= K_max
                at most one job that spans several nodes stands on a node          (``one_distributed_per_node``)
                A_j unchanged for jobs that hold GPUs and may not be moved

    SPEEDUP_j(A) = f_j(A) max GOODPUT_j(A; batch) / reference_j

``p``            any number <= 1, or -inf; nearer to 0 than 1e-8 it counts as 0, where the powers say less than their rounding.
``unallocated``  epsilon, what a job without GPUs counts as. Pollux adds 0.001 to speedups that its code has divided by the
                 GPUs of a node: unallocated=0.004 is that on nodes of four. For p < 0 it decides what idleness costs.
``base``         the reference: "fair" the goodput of an equal share of ceil(G/J) GPUs (on as many nodes as it needs; of
                 several types the average weighted by GPUs), "fair_one_node" the same as if on one node whatever its size
                 (the OSDI code), "one_replica" (the released adaptdl), "least" the smallest configuration (Sia).
``restart``      f_j = 1 where A_j is what the job holds now, and for a job that holds nothing; otherwise "age":
                 max(T - R delta, 0) / (T + delta) after R restarts in T seconds, "none": 1, or a number (adaptdl: 0.9).
                 (The OSDI code also discounts a job's first GPUs, so that at age 0 all of its allocations are worth 0.)

A (J, N) whole GPUs; value: average speedup in the sense of p, 1 = as fast as alone on an equal share.
Reference: Qiao et al., OSDI 2021, section 4.2; adaptdl's pollux.py and speedup.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go
from formulations.pollux.exact import exact
from formulations.pollux.genetic import genetic
from formulations.pollux.greedy import greedy
from formulations.pollux.isolated import isolated
from formulations.pollux.pool import pool
from formulations.pollux.sia import sia

NEAR_ZERO = 1e-8
BASES = ("fair", "fair_one_node", "one_replica", "least")
RESTARTS = ("age", "none")


LEXICOGRAPHIC, WITHIN = {"lexicographic": go.options.flag()}, {"within": go.options.number()}
SIA_OPTIONS = {
    "idle_cost": go.options.number(above=True, optional=True),
    "scale_up": go.options.number(1.0, optional=True),
}
GENETIC_OPTIONS = {
    "population": go.options.whole(),
    "generations": go.options.whole(),
    "start": go.options.OBJECT,
    "progress": go.options.flag(optional=True),
}


@dataclass(frozen=True)
class PolluxFitness(go.Policy):
    """Maximise the power mean of speedups over jobs that may run on any number of GPUs."""

    name = "pollux_fitness"
    kind = "elastic"
    summary = "maximise the power mean of speedups of elastic jobs, placed on nodes"
    reference = "Pollux, OSDI 2021, section 4.2"
    generic = False
    shareable = False
    methods = (
        go.Method("exact", exact, "exact", "placement prices, then integers where they leave a gap", LEXICOGRAPHIC),
        go.Method("greedy", greedy, "heuristic", "marginal gains at one price per GPU, placed and repaired", WITHIN),
        go.Method("pool", pool, "heuristic", "dynamic program over one pool of GPUs (an upper bound), placed"),
        go.Method("sia", sia, "heuristic", "Sia's program: powers of two and whole nodes", SIA_OPTIONS),
        go.Method(
            "genetic",
            genetic,
            "heuristic",
            "Pollux's own: NSGA-II over plans",
            GENETIC_OPTIONS,
        ),
        go.Method("isolated", isolated, "heuristic", "equal shares"),
    )

    p: float = -1.0
    unallocated: float = 1e-3
    base: str = "fair"
    restart: str | float = "age"
    one_distributed_per_node: bool = True

    def __post_init__(self) -> None:
        _number(self.p, "p", self.p <= 1 if isinstance(self.p, (int, float)) else False, "a number <= 1, or -inf")
        if abs(self.p) < NEAR_ZERO:
            object.__setattr__(self, "p", 0.0)
        finite = isinstance(self.unallocated, (int, float)) and 0 < self.unallocated < np.inf
        _number(self.unallocated, "unallocated", finite, "a finite number > 0")
        go.choice(self.name, "base", self.base, BASES)
        if isinstance(self.restart, str):
            go.choice(self.name, "restart", self.restart, RESTARTS)
        else:
            factor = isinstance(self.restart, (int, float)) and 0 <= self.restart <= 1
            _number(self.restart, "restart", factor, "'age', 'none', or a number between 0 and 1")
        go.choice(self.name, "one_distributed_per_node", self.one_distributed_per_node, (True, False))

    def objective(self, view: go.View) -> Any:
        reference = self.reference_goodput(view.instance)  # type: ignore[arg-type]
        speedup = view.rate * np.divide(1.0, reference, out=np.zeros_like(reference), where=reference > 0)
        return view.power_mean(speedup + self.unallocated, self.p)

    def unit(self, instance: go.Instance) -> str:
        return "speedup"

    def speedups(self, instance: go.ElasticInstance) -> go.elastic.Speedups:
        """What every job could be given, and what that is worth to it."""
        return go.elastic.Speedups.under(instance, self.reference_goodput(instance), self.restart_factor(instance))

    def restart_factor(self, instance: go.ElasticInstance) -> go.FloatArray:
        """(J,) f_j of a job whose GPUs change."""
        jobs = instance.jobs
        if self.restart == "none":
            return np.ones(len(jobs))
        if not isinstance(self.restart, str):
            return np.full(len(jobs), float(self.restart))
        left = np.maximum(jobs.age_s - jobs.restarts * jobs.restart_s, 0.0)
        whole = jobs.age_s + jobs.restart_s
        factor = np.divide(left, whole, out=np.ones(len(jobs)), where=whole > 0)
        return np.where(np.isnan(jobs.age_s), 1.0, factor)

    def reference_goodput(self, instance: go.ElasticInstance) -> go.FloatArray:
        """(J,) useful samples/s that count as a speedup of 1; 0 for a job that can run nowhere."""
        table = np.where(instance.goodput > 0, instance.goodput, np.inf)
        least = np.where(np.isfinite(table.min(axis=1, initial=np.inf)), table.min(axis=1, initial=np.inf), 0.0)
        if self.base == "least" or not len(instance.jobs):
            return least
        share = reference_share(instance, self.base)
        return np.where(share > 0, share, least)

    def warnings(self, instance: go.Instance) -> list[str]:
        current = getattr(instance, "current", None)
        if current is None or self.restart != "age":
            return []
        unknown = int(np.isnan(instance.jobs.age_s[current.any(axis=1)]).sum())  # type: ignore[attr-defined]
        return [f"{unknown} running job(s) of unknown age_s restart at no cost"] if unknown else []


def reference_share(instance: go.ElasticInstance, base: str) -> go.FloatArray:
    """(J,) goodput of an equal share, averaged over the types that the job can use, weighted by their GPUs."""
    jobs, types = len(instance.jobs), len(instance.cluster)
    job, kind = np.divmod(np.arange(jobs * types), max(types, 1))
    size = instance.jobs.gpus_per_replica[job]
    if base == "one_replica":
        gpus = size * instance.jobs.min_replicas[job]
    else:
        gpus = np.full(len(job), -(-int(instance.node_gpus.sum()) // jobs))
    replicas = np.clip(gpus // size, instance.jobs.min_replicas[job], instance.jobs.most_replicas[job])
    per_node = instance.gpus_per_node[kind]
    spread = (replicas * size > per_node) & (base != "fair_one_node")
    goodput = instance.goodput_of(job, kind, replicas * size, spread)
    weight = np.where(goodput > 0, instance.cluster.count[kind], 0.0)
    total = np.bincount(job, weights=weight * goodput, minlength=jobs)
    mass = np.bincount(job, weights=weight, minlength=jobs)
    return np.divide(total, mass, out=np.zeros(jobs), where=mass > 0)


def _number(value: object, option: str, good: bool, rule: str) -> None:
    if isinstance(value, bool) or not good:
        raise go.InputError(f"option {option!r} of policy 'pollux_fitness' out of range", seen=repr(value), rule=rule)
