"""Instances that need no file: measured tables that come with gavelopt, and one small enough for paper and pencil.

go.solve(go.examples.gavel(), "max_min")
go.read("my.trace", cluster="36:36:36", throughputs=go.examples.gavel_profiles(), missing="drop")
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import numpy as np

from gavelopt.errors import InputError
from gavelopt.io.sources import ClusterSource, cluster_from, profiles_from
from gavelopt.model.arrays import FloatArray
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Entity, Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.profiles import ThroughputProfiles

# Google Cloud spot prices that Gavel's code carries, dollars per GPU hour.
GAVEL_COST_PER_HOUR = {"v100": 0.74, "p100": 0.43, "k80": 0.135}
HOUR_S = 3600.0


def gavel(jobs: int = 12, cluster: ClusterSource = "v100:2,p100:1,k80:2", seed: int = 0) -> Instance:
    """Single-GPU training jobs drawn from Gavel's 26 job types, as Gavel's generator draws them.

    Each job type is equally likely; one job in five has weight 5; a job would take 60 x 10^u seconds on a v100, u uniform on
    [1.5, 3] for four jobs in five and on [3, 4] for the rest (half an hour to a week). Accelerators cost Gavel's spot prices.

    Args:
        jobs: how many.
        cluster: any of v100, p100, k80.
        seed: of the draw.
    """
    random = np.random.default_rng(seed)
    profiles = gavel_profiles()
    workload = _drawn(profiles, jobs, random)
    weight = np.where(random.random(jobs) < 0.2, 5.0, 1.0)
    exponent = np.where(random.random(jobs) < 0.8, random.uniform(1.5, 3.0, jobs), random.uniform(3.0, 4.0, jobs))
    steps = _steps(profiles, workload, 60.0 * 10.0**exponent, "v100")
    supply = _priced(cluster_from(cluster))
    return _instance("gavel", profiles, supply, JobSet(jobs, workload=workload, weight=weight, steps=steps))


def modern(jobs: int = 12, cluster: ClusterSource = "h200:2,h100:4,l40s:4", seed: int = 0) -> Instance:
    """Batch-inference jobs of nine models on current accelerators, from MLPerf Inference v4.1 (Offline, closed).

    A step is one sample. A job would take 10^u hours on an h100, u uniform on [0, 1.5] (an hour to a day and a half).
    Nobody submitted every model on every accelerator: some rates on l4, l40s and h100-pcie are unknown.

    Args:
        jobs: how many.
        cluster: any of h200, h100, h100-pcie, l40s, l4.
        seed: of the draw.
    """
    random = np.random.default_rng(seed)
    profiles = modern_profiles()
    workload = _drawn(profiles, jobs, random)
    steps = _steps(profiles, workload, HOUR_S * 10.0 ** random.uniform(0.0, 1.5, jobs), "h100")
    return _instance("modern", profiles, cluster_from(cluster), JobSet(jobs, workload=workload, steps=steps))


def crowd(
    jobs: int = 10_000,
    types: int = 4,
    load: float = 3.0,
    kinds: int | None = None,
    seed: int = 0,
    *,
    named: bool = False,
    entities: int = 0,
    rules: Sequence[str] = ("fairness",),
) -> Instance:
    """Very many jobs on invented types, as large as one likes: no two rows alike, or drawn from ``kinds`` rows.

    Type r is 6^(r / (types - 1)) times as fast as the first, to a power of its own for every job, uniform on [0.4, 1.3], times
    lognormal noise (sigma 0.2) and a lognormal size of the job (sigma 1). Gangs of 1, 2, 4, 8 with probabilities .7, .1, .15,
    .05 lose a tenth at each doubling; weights 1, 2, 4 with .6, .3, .1; a job would take 10^u seconds, u uniform on [2, 3], on
    the fastest type.

    Args:
        jobs, types: how many.
        load: accelerators asked for, over accelerators there are; more of the slow types than of the fast ones.
        kinds: distinct rows (rates, gang, weight, steps) to draw from; None for a row of its own for each job.
        seed: of the draw.
        named: whether the table has the ``kinds`` rows and a row number for each job, instead of a row for each job.
        entities: teams of weight 1, 2, 3, 1, ... that own the jobs, each job drawn at random and arriving in random order;
            0 for none.
        rules: how the teams share among their jobs (fairness or fifo), dealt out in turn.
    """
    if min(jobs, types, jobs if kinds is None else kinds) < 1 or not load > 0:
        raise InputError("a crowd needs jobs, types, kinds and load above 0", seen=(jobs, types, kinds, load))
    if entities < 0 or (entities and not rules):
        raise InputError("a crowd in teams needs a number of them and rules", seen=(entities, tuple(rules)))
    random = np.random.default_rng(seed)
    rows = jobs if kinds is None else kinds
    centre = 6.0 ** (np.arange(types) / max(types - 1, 1))
    gang = random.choice([1, 2, 4, 8], rows, p=[0.7, 0.1, 0.15, 0.05])
    rates = centre ** random.uniform(0.4, 1.3, (rows, 1)) * random.lognormal(0.0, 0.2, (rows, types))
    rates *= random.lognormal(0.0, 1.0, (rows, 1)) * (gang * 0.9 ** np.log2(gang))[:, None]
    weight = random.choice([1.0, 2.0, 4.0], rows, p=[0.6, 0.3, 0.1])
    steps = rates.max(axis=1) * 10.0 ** random.uniform(2.0, 3.0, rows)
    kind = np.arange(jobs) if kinds is None else random.integers(kinds, size=jobs)
    parts = centre**-0.5 * random.uniform(0.7, 1.3, types)
    count = np.maximum(1.0, np.rint(gang[kind].sum() / load * parts / parts.sum()))
    found = Instance.from_arrays(
        rates if named else rates[kind],
        count,
        kind=kind if named else None,
        scale=gang[kind],
        weight=weight[kind],
        steps=steps[kind],
        entity=[f"team{k}" for k in random.integers(entities, size=jobs)] if entities else None,
        arrival_s=random.permutation(jobs).astype(np.float64) if entities else None,
        source="made up, to be large",
    )
    teams = tuple(Entity(f"team{k}", 1.0 + k % 3, rules[k % len(rules)]) for k in range(entities))
    name = f"crowd-{jobs}x{types}-load{load:g}-kinds{kinds or jobs}-{seed}"
    return found.replace(name=f"{name}-teams{entities}" if entities else name, entities=teams)


def tiny() -> Instance:
    """Three jobs on one v100 and one k80, to be solved by hand.

    Rates in steps/s (v100, k80): a (4, 1), b (3, 1), c (2, 2). Steps: 14400, 10800, 7200, so that one step/s takes a, b and
    c four, three and two hours.

    max_sum:  a takes the v100, c the k80: 4 + 2 = 6 steps/s.
    makespan: with z = 1 / hours, c needs z of the k80, b takes the rest of it, 1 - z, and (3z - (1 - z)) / 3 of the v100,
              a needs z of the v100: z + (4z - 1) / 3 = 1, z = 4/7, so 1.75 hours = 6300 s.
    max_min:  the equal shares give (5/2, 2, 2) / 1; c needs z of the k80, b the rest and (2z - (1 - z)) / 3 of the v100,
              a 5z/8 of the v100: 5z/8 + z - 1/3 = 1, z = 32/39.
    """
    return Instance.from_arrays(
        rates=[[4.0, 1.0], [3.0, 1.0], [2.0, 2.0]],
        capacity=[1, 1],
        jobs=["a", "b", "c"],
        accelerators=["v100", "k80"],
        steps=[4 * HOUR_S, 3 * HOUR_S, 2 * HOUR_S],
        source="made up, to be solved by hand",
    ).replace(name="tiny")


def gavel_profiles() -> ThroughputProfiles:
    """Gavel's 26 single-GPU job types on v100, p100 and k80, steps/s (simulation figures, three decimals)."""
    return _embedded("gavel_single_gpu.csv")


def modern_profiles() -> ThroughputProfiles:
    """Nine models on h200, h100, h100-pcie, l40s and l4, samples/s per accelerator (MLPerf Inference v4.1, Offline)."""
    return _embedded("mlperf_v41_offline.csv")


def _embedded(name: str) -> ThroughputProfiles:
    with resources.as_file(resources.files("gavelopt").joinpath("data", name)) as path:
        return profiles_from(path)


def _drawn(profiles: ThroughputProfiles, jobs: int, random: np.random.Generator) -> list[str]:
    if not (isinstance(jobs, (int, np.integer)) and jobs >= 0):
        raise InputError("number of jobs out of range", seen=repr(jobs), rule="a whole number >= 0")
    return [profiles.workloads[at] for at in random.integers(len(profiles.workloads), size=jobs)]


def _steps(profiles: ThroughputProfiles, workload: list[str], seconds: FloatArray, reference: str) -> FloatArray:
    """Whole steps that take ``seconds`` on the reference accelerator."""
    column = profiles.accelerators.index(reference)
    rate = np.array([profiles.rates[profiles.row[name, 1], column] for name in workload])
    return np.asarray(np.maximum(1.0, np.rint(seconds * rate)))


def _priced(cluster: Cluster) -> Cluster:
    """The cluster with Gavel's prices, unless it has its own."""
    if cluster.cost_per_hour is not None:
        return cluster
    cost = [GAVEL_COST_PER_HOUR.get(name, np.nan) for name in cluster.accelerators]
    return Cluster(cluster.accelerators, cluster.count, cost, cluster.memory_gib, cluster.per_node)


def _instance(name: str, profiles: ThroughputProfiles, cluster: Cluster, jobs: JobSet) -> Instance:
    kept, table, _ = profiles.for_jobs(jobs, cluster.accelerators)
    return Instance(cluster, kept, table, name=name)
