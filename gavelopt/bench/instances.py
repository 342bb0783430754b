"""Families of instances that no other package draws: dirty tables, traces, and the lecture's four jobs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gavelopt.errors import UnknownName
from gavelopt.examples import gavel_profiles
from gavelopt.model.arrays import FloatArray
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Instance
from gavelopt.replay.workloads import TraceGenerator

Random = np.random.Generator
TYPES = ("v100", "p100", "k80", "a100")


def _plain(random: Random, jobs: int) -> FloatArray:
    return np.asarray(10.0 ** random.uniform(-1.0, 1.0, (jobs, len(TYPES))))


def _unknown(random: Random, jobs: int) -> FloatArray:
    rates = np.where(random.random((jobs, len(TYPES))) < 0.4, np.nan, _plain(random, jobs))
    rates[np.isnan(rates).all(axis=1), 0] = 1.0  # a job that was measured nowhere is no question
    return rates


def _zeros(random: Random, jobs: int) -> FloatArray:
    rates = np.where(random.random((jobs, len(TYPES))) < 0.4, 0.0, _plain(random, jobs))
    rates[~rates.any(axis=1), 0] = 1.0
    return rates


def _ties(random: Random, jobs: int) -> FloatArray:
    return np.asarray(np.array([[4.0, 2.0, 1.0, 4.0], [1.0, 1.0, 1.0, 1.0]])[random.integers(2, size=jobs)])


def _extreme(random: Random, jobs: int) -> FloatArray:
    return np.asarray(10.0 ** random.uniform(-6.0, 6.0, (jobs, len(TYPES))))


def _inverted(random: Random, jobs: int) -> FloatArray:
    return np.asarray(np.sort(_plain(random, jobs), axis=1))


RATES: dict[str, Callable[[Random, int], FloatArray]] = {
    "unknown": _unknown,  # two cells in five were never measured
    "zeros": _zeros,  # two cells in five cannot run
    "ties": _ties,  # two kinds of jobs, so that many optima tie
    "extreme": _extreme,  # twelve orders of magnitude
    "inverted": _inverted,  # the newest accelerator is not the fastest
    "gangs": _plain,  # gangs of up to 8, of which some fit on no type
    "scarce": _plain,  # none of one type, half of another
}


def dirty(kind: str = "unknown", jobs: int = 12, seed: int = 0) -> Instance:
    """Jobs on four types with one thing wrong: a key of RATES. Raises UnknownName for another."""
    if kind not in RATES:
        raise UnknownName.among("kind of dirt", kind, RATES)
    random = np.random.default_rng([seed, list(RATES).index(kind)])
    rates = RATES[kind](random, jobs)
    gangs = random.choice([1, 2, 4, 8], jobs) if kind == "gangs" else np.ones(jobs, dtype=int)
    steps = np.rint(10.0 ** random.uniform(3.0, 6.0, jobs))
    return Instance.from_arrays(
        rates,
        [0.0, 0.5, 4.0, 2.0] if kind == "scarce" else [2.0, 3.0, 4.0, 4.0],
        accelerators=TYPES,
        scale=gangs,
        weight=np.where(random.random(jobs) < 0.2, 5.0, 1.0),
        steps=steps,
    ).replace(name=f"{kind}-{jobs}-{seed}")


def trace(
    jobs: int = 100,
    load: float | None = None,
    cluster: str = "v100:4,p100:4,k80:4",
    gangs: str = "single",
    seed: int = 0,
) -> Instance:
    """Jobs that arrive over time, drawn as Gavel's generator draws them; ``load`` in jobs an hour, None: all at 0."""
    return TraceGenerator(gavel_profiles(), Cluster.from_spec(cluster), gangs=gangs)(jobs, load, seed)


def lecture_trace(weight: list[float] | None = None) -> Instance:
    """The lecture's table: four jobs of 30, 10, 25 and 40 s on two accelerators, arriving at 0, 0, 1 and 4 s."""
    return Instance.from_arrays(
        np.ones((4, 1)), [2], steps=[30, 10, 25, 40], arrival_s=[0, 0, 1, 4], weight=weight
    ).replace(name="the lecture's four jobs")
