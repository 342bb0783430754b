"""Seeded traces: Poisson arrivals, and durations and gangs as Gavel's generator draws them, or as in the Philly trace.

    durations   Gavel   60 x 10^u s, u uniform on [1.5, 3] for four jobs in five, on [3, 4] for the rest
                Philly  log-normal with the trace's median 1,186 s and mean 14,613 s, cut at its maximum of 4.6 million s;
                        or drawn from runtimes that are given
    gangs       single  1 accelerator
                mixed   1, 2, 4, 8 accelerators with 70, 10, 15, 5 %
    arrivals    gaps exponential with mean 3600 / rate seconds, the first job at 0

A duration is seconds on the reference type with the job's gang; steps are duration x rate there. Gavel draws with Python's
``random``, here numpy does: the distributions agree, the jobs do not. Reference: Narayanan et al., OSDI 2020, section 7.1.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.profiles import ThroughputProfiles

GANGS: dict[str, tuple[tuple[int, ...], tuple[float, ...]]] = {
    "single": ((1,), (1.0,)),
    "mixed": ((1, 2, 4, 8), (0.70, 0.10, 0.15, 0.05)),
}
DURATIONS = ("gavel", "philly")
SLO_FACTORS, SLO_PARTS = (1.2, 2.0, 10.0), (0.33, 0.34, 0.33)
PHILLY_MEDIAN_S, PHILLY_MEAN_S, PHILLY_LONGEST_S = 1186.0, 14613.0, 4.6e6
HOUR_S = 3600.0


def gavel_durations(jobs: int, random: np.random.Generator) -> FloatArray:
    """(jobs,) seconds: half an hour to a week."""
    short = random.random(jobs) < 0.8
    return np.asarray(60.0 * 10.0 ** np.where(short, random.uniform(1.5, 3, jobs), random.uniform(3, 4, jobs)))


def philly_durations(jobs: int, random: np.random.Generator, runtimes: object = None) -> FloatArray:
    """(jobs,) seconds, from ``runtimes`` (those above 0) or from the log-normal at the head of this file."""
    if runtimes is not None:
        measured = np.asarray(runtimes, dtype=np.float64)
        return np.asarray(random.choice(measured[measured > 0], size=jobs))
    sigma = np.sqrt(2.0 * np.log(PHILLY_MEAN_S / PHILLY_MEDIAN_S))
    drawn = random.lognormal(np.log(PHILLY_MEDIAN_S), sigma, jobs)
    return np.asarray(np.clip(drawn, 1.0, PHILLY_LONGEST_S))


def poisson_times(jobs: int, rate_per_hour: float | None, random: np.random.Generator) -> FloatArray:
    """(jobs,) arrival seconds; None puts all at 0."""
    if rate_per_hour is None:
        return np.zeros(jobs)
    if not 0 < rate_per_hour < np.inf:
        raise InputError("rate_per_hour out of range", seen=rate_per_hour, rule="jobs an hour > 0, or None")
    return np.cumsum(np.append(0.0, random.exponential(HOUR_S / rate_per_hour, max(jobs - 1, 0))))[:jobs]


@dataclass(frozen=True, eq=False)
class TraceGenerator:
    """Instances drawn from profiled workloads, by seed: ``TraceGenerator(profiles, cluster)(1000, 5.6, seed=0)``.

    profiles: measured rates; every workload measured at the job's gang on ``reference`` is equally likely.
    durations: gavel or philly; runtimes: (N,) seconds to draw Philly durations from; gangs: single or mixed.
    priorities: one job in five gets weight 5. slos: deadlines at 1.2, 2 or 10 durations after the arrival (33, 34, 33 %).
    """

    profiles: ThroughputProfiles
    cluster: Cluster
    durations: str = "gavel"
    gangs: str = "single"
    reference: str = "v100"
    priorities: bool = False
    slos: bool = False
    runtimes: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.gangs not in GANGS:
            raise UnknownName.among("mix of gangs", self.gangs, GANGS)
        if self.durations not in DURATIONS:
            raise UnknownName.among("durations", self.durations, DURATIONS)

    @property
    def fingerprint(self) -> str:
        """The same for generators that draw the same jobs from the same seed."""
        parts = (self.durations, self.gangs, self.reference, self.priorities, self.slos, list(self.profiles.keys))
        cluster = dict(zip(self.cluster.accelerators, self.cluster.count.tolist(), strict=True))
        digest = hashlib.sha256(repr((parts, cluster, sorted(map(repr, self.profiles.pairs)))).encode())
        for array in (self.profiles.rates, np.zeros(0) if self.runtimes is None else self.runtimes):
            digest.update(np.ascontiguousarray(array, dtype=np.float64).tobytes())
        return digest.hexdigest()[:16]

    def __call__(self, jobs: int, rate_per_hour: float | None, seed: int = 0) -> Instance:
        """``jobs`` jobs that arrive at ``rate_per_hour`` (None: all at 0)."""
        random = np.random.default_rng(seed)
        gang = random.choice(GANGS[self.gangs][0], size=jobs, p=GANGS[self.gangs][1])
        workload, rate = self._workloads(gang, random)
        duration = self._durations(jobs, random)
        arrival = poisson_times(jobs, rate_per_hour, random)
        further: dict[str, Any] = {}
        if self.priorities:
            further["weight"] = np.where(random.random(jobs) < 0.2, 5.0, 1.0)
        if self.slos:
            further["deadline_s"] = arrival + random.choice(SLO_FACTORS, size=jobs, p=SLO_PARTS) * duration
        drawn = JobSet(
            jobs, workload=workload, scale_factor=gang, steps=np.ceil(duration * rate), arrival_s=arrival, **further
        )
        kept, table, notes = self.profiles.for_jobs(drawn, list(self.cluster.accelerators))
        return Instance(self.cluster, kept, table, name=f"{self.durations}-{self.gangs}-{seed}", notes=tuple(notes))

    def _durations(self, jobs: int, random: np.random.Generator) -> FloatArray:
        return (
            gavel_durations(jobs, random)
            if self.durations == "gavel"
            else philly_durations(jobs, random, self.runtimes)
        )

    def _workloads(self, gang: IntArray, random: np.random.Generator) -> tuple[list[str], FloatArray]:
        """A workload for each job, and its rate on the reference type."""
        column = self.profiles.accelerators.index(self.reference)
        workload, rate = [""] * len(gang), np.zeros(len(gang))
        for size in np.unique(gang).tolist():
            rows = [row for row, (_, scale) in enumerate(self.profiles.keys) if scale == size]
            able = [row for row in rows if self.profiles.rates[row, column] > 0]
            if not able:
                raise InputError(
                    f"no workload was measured with {size} accelerators on {self.reference!r}",
                    fix="gangs='single', or profiles that measure such gangs (Gavel's simulation_throughputs.json)",
                )
            for job in np.flatnonzero(gang == size).tolist():
                row = able[int(random.integers(len(able)))]
                workload[job], rate[job] = self.profiles.keys[row][0], self.profiles.rates[row, column]
        return workload, rate
