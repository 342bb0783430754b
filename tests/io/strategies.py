"""Random instances for the round trips: every column, unknown and zero rates, kinds, pairs, entities, odd names."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import gavelopt as go

# Any text that UTF-8 can carry; job names may hold quotes, commas, '#', line ends.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6)
AMOUNTS = st.floats(0, 1e12, allow_nan=False) | st.sampled_from([0.0, 0.1, 1 / 3, 5e-324, 1e300])
POSITIVE = AMOUNTS.filter(lambda value: value > 0)
OPTIONAL = AMOUNTS | st.just(np.nan)
TYPES = ("v100", "p100", "k80", "a100")


def column(values: st.SearchStrategy[Any], size: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=size, max_size=size)


@st.composite
def clusters(draw: st.DrawFn) -> go.Cluster:
    names = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True))
    extra = {
        name: draw(st.none() | column(OPTIONAL, len(names))) for name in ("cost_per_hour", "memory_gib", "per_node")
    }
    return go.Cluster(names, draw(column(AMOUNTS, len(names))), **extra)


@st.composite
def job_sets(draw: st.DrawFn, workloads: list[str] | None = None) -> go.JobSet:
    names = draw(st.lists(NAMES, max_size=6, unique=True))
    size = len(names)
    optional = {name: draw(st.none() | column(OPTIONAL, size)) for name in ("steps",)}
    amounts = {
        name: draw(st.none() | column(AMOUNTS, size)) for name in ("arrival_s", "elapsed_s", "isolated_elapsed_s")
    }
    workload = st.none() | NAMES if workloads is None else st.sampled_from(workloads)
    return go.JobSet(
        names,
        workload=draw(column(workload, size)),
        scale_factor=draw(st.none() | column(st.sampled_from([1, 2, 4, 8]), size)),
        weight=draw(st.none() | column(POSITIVE, size)),
        deadline_s=draw(st.none() | column(POSITIVE | st.just(np.nan), size)),
        entity=draw(column(st.none() | st.just("teamA"), size)),
        **optional,
        **amounts,
    )


@st.composite
def pair_tables(draw: st.DrawFn, rows: int, types: int) -> go.PairTable | None:
    couples = [(a, b) for a in range(rows) for b in range(a)]
    chosen = draw(st.lists(st.sampled_from(couples), max_size=3, unique=True)) if couples else []
    if not chosen:
        return None
    rates = draw(column(column(column(OPTIONAL, 2), types), len(chosen)))
    return go.PairTable(chosen, rates, rows, types)


@st.composite
def instances(draw: st.DrawFn, pairs: bool = True) -> go.Instance:
    """An instance whose rates stand by job."""
    cluster, jobs = draw(clusters()), draw(job_sets())
    rates = np.array(draw(column(column(OPTIONAL, len(cluster)), len(jobs)))).reshape(len(jobs), len(cluster))
    shared = draw(pair_tables(len(jobs), len(cluster))) if pairs else None
    unit = draw(st.sampled_from(["steps/s", "samples/s"]))
    table = go.ThroughputTable(
        rates, jobs.names, cluster.accelerators, unit=unit, source=draw(st.none() | st.just("made up")), pairs=shared
    )
    entities = (go.Entity("teamA", draw(POSITIVE), draw(st.sampled_from(["fairness", "fifo"]))),)
    return go.Instance(cluster, jobs, table, entities, draw(st.none() | st.just("some name")), ("a note",))


@st.composite
def profiled_instances(draw: st.DrawFn) -> go.Instance:
    """An instance whose rates stand by (workload, scale factor), with pairs measured by workload."""
    cluster = draw(clusters())
    workloads = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    keys = [(name, scale) for name in workloads for scale in (1, 2, 4, 8)]
    types = len(cluster)
    rates = np.array(draw(column(column(OPTIONAL, types), len(keys)))).reshape(len(keys), types)
    one = [key for key in keys if key[1] == 1]
    couples = draw(st.lists(st.tuples(st.sampled_from(one), st.sampled_from(one)), max_size=2, unique_by=frozenset))
    pairs = {couple: np.array(draw(column(column(AMOUNTS, 2), types))).reshape(types, 2) for couple in couples}
    profiles = go.ThroughputProfiles(keys, cluster.accelerators, rates, pairs=pairs)
    jobs, table, _ = profiles.for_jobs(draw(job_sets(workloads)), cluster.accelerators)
    return go.Instance(cluster, jobs, table, (go.Entity("teamA"),))
