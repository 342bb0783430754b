"""The native file of kind ``elastic``, read and written.

    {"format": "gavelopt/1", "kind": "elastic",
     "cluster": {"nodes": 16, "gpus_per_node": 4},
     "jobs": [{"name": "bert-0",
               "perf": {"alpha_c": 0.17, "beta_c": 0.059, "alpha_n": 1.39, "beta_n": 0.0094,
                        "alpha_r": 0.28, "beta_r": 0.0096, "gamma": 1.9},
               "grad": {"sqr": 1.0, "var": 360.0},
               "init_batch_size": 12, "max_batch_size": 384, "local_batch_bounds": [4, 12],
               "min_replicas": 1, "max_replicas": 64, "preemptible": true,
               "age_s": 600, "restarts": 1, "restart_s": 30,
               "current": {"node0": 2, "node3": 1}}]}

A cluster of several types is ``{"accelerators": [{"name": "t4", "count": 48, "per_node": 4}, ...]}``; then ``perf`` has one
such object a type, ``{"t4": {...}, "a100": {...}}``, and a job cannot run on a type it does not name. Nodes are node0, node1,
..., type by type. Of a job only ``name``, ``perf``, ``grad``, ``init_batch_size``, ``max_batch_size`` and
``local_batch_bounds`` are required. Times in seconds, batches in samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.io.fields import Fields, finite_number
from gavelopt.io.training import FORMAT, cluster_document, read_cluster, read_notes
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.cluster import Cluster
from gavelopt.model.elastic import ElasticInstance, whole_nodes
from gavelopt.model.elastic_jobs import ElasticJobs
from gavelopt.model.goodput import PERF

DEFAULT_TYPE = "gpu"
# optional whole numbers of a job and their defaults; None: decided by ElasticJobs
WHOLE = {"min_batch_size": None, "min_replicas": 1, "max_replicas": 64, "gpus_per_replica": 1}
FLAGS = {"accumulate": True, "preemptible": True}


def read_elastic(document: Mapping[str, Any], path: Path) -> ElasticInstance:
    """The instance in a parsed native document. Raises InputError naming the field: ``jobs[3].perf.gamma``."""
    fields = Fields(document)
    fields.text("format")
    fields.text("kind")
    cluster = _cluster(fields.section("cluster"))
    rows = fields.sections("jobs")
    nodes = Labels.numbered("node", int(whole_nodes(cluster).sum()), "node")
    jobs, current = _jobs(rows, cluster, nodes)
    notes, name = read_notes(fields.array("notes", [])), fields.text("name", None)
    fields.done()
    return ElasticInstance(cluster, jobs, current if current.any() else None, name, notes)


def _cluster(fields: Fields) -> Cluster:
    if fields.has("accelerators"):
        return read_cluster(fields)
    nodes = fields.integer("nodes", minimum=0)
    per_node = fields.integer("gpus_per_node", minimum=1)
    name = fields.text("accelerator", DEFAULT_TYPE)
    fields.done()
    return Cluster([name], [nodes * per_node], per_node=[per_node])


def _jobs(rows: Sequence[Fields], cluster: Cluster, nodes: Labels) -> tuple[ElasticJobs, IntArray]:
    """The jobs, and the (J, N) GPUs that they hold."""
    names = Labels([row.text("name") for row in rows], "job", where="jobs")
    perf = np.array([_perf(row, cluster) for row in rows]).reshape(len(rows), len(cluster), len(PERF))
    grads = [_grad(row.section("grad")) for row in rows]
    limits = [_bounds(row) for row in rows]
    start = [row.integer("init_batch_size", minimum=1) for row in rows]
    columns: dict[str, Any] = {
        "init_batch_size": start,
        "max_batch_size": [row.integer("max_batch_size", minimum=1) for row in rows],
        "min_batch_size": [
            row.integer("min_batch_size", first, minimum=1) for row, first in zip(rows, start, strict=True)
        ],
        "grad_sqr": [sqr for sqr, _ in grads],
        "grad_var": [var for _, var in grads],
        "local_batch_min": [low for low, _ in limits],
        "local_batch_max": [high for _, high in limits],
        "age_s": [row.number("age_s", np.nan, minimum=0) for row in rows],
        "restarts": [row.integer("restarts", 0, minimum=0) for row in rows],
        "restart_s": [row.number("restart_s", 30.0, minimum=0) for row in rows],
    }
    for name in ("min_replicas", "max_replicas", "gpus_per_replica"):
        columns[name] = [row.integer(name, WHOLE[name], minimum=1) for row in rows]
    columns |= {name: [row.flag(name, default) for row in rows] for name, default in FLAGS.items()}
    current = np.array([_current(row, nodes) for row in rows]).reshape(len(rows), len(nodes))
    for row in rows:
        row.done()
    return ElasticJobs(names, perf, **columns), current.astype(np.int64)


def _perf(row: Fields, cluster: Cluster) -> FloatArray:
    """(R, 7) parameters on each type; NaN where the job names none."""
    table = np.full((len(cluster), len(PERF)), np.nan)
    section = row.section("perf")
    if len(cluster) == 1 and not section.has(cluster.accelerators[0]):
        table[0] = _seven(section)
        return table
    for at, name in enumerate(cluster.accelerators):
        if section.has(name):
            table[at] = _seven(section.section(name))
        else:
            section.take(name, None)
    section.done()
    return table


def _seven(section: Fields) -> list[float]:
    found = [section.number(name, minimum=1.0 if name == "gamma" else 0.0) for name in PERF]
    section.done()
    return found


def _grad(section: Fields) -> tuple[float, float]:
    found = section.number("sqr", minimum=0), section.number("var", minimum=0)
    section.done()
    return found


def _bounds(row: Fields) -> tuple[int, int]:
    bounds = row.numbers("local_batch_bounds", minimum=1, whole=True)
    if len(bounds) != 2:
        raise InputError(
            f"{row.place('local_batch_bounds')} must be two numbers", seen=bounds, rule="[smallest, largest]"
        )
    return int(bounds[0]), int(bounds[1])


def _current(row: Fields, nodes: Labels) -> IntArray:
    """(N,) GPUs held, from ``{"node0": 2}``."""
    held = np.zeros(len(nodes), dtype=np.int64)
    for name, value in (row.mapping("current", {}) or {}).items():
        held[nodes.index(name)] = int(finite_number(value, f"{row.place('current')}.{name}", minimum=0, whole=True))
    return held


def elastic_document(instance: ElasticInstance) -> dict[str, Any]:
    """The native document of an instance: plain Python, ready for JSON; fields at their default are left out."""
    document: dict[str, Any] = {"format": FORMAT, "kind": "elastic"}
    if instance.name:
        document["name"] = instance.name
    if instance.notes:
        document["notes"] = list(instance.notes)
    document["cluster"] = cluster_document(instance.cluster)
    document["jobs"] = [_job_document(instance, at) for at in range(len(instance.jobs))]
    return document


def _job_document(instance: ElasticInstance, at: int) -> dict[str, Any]:
    jobs, types = instance.jobs, instance.cluster.accelerators
    perf = {
        name: dict(zip(PERF, jobs.perf[at, kind].tolist(), strict=True))
        for kind, name in enumerate(types)
        if not np.isnan(jobs.perf[at, kind, 0])
    }
    row: dict[str, Any] = {
        "name": jobs.names[at],
        "perf": perf,
        "grad": {"sqr": float(jobs.grad_sqr[at]), "var": float(jobs.grad_var[at])},
        "init_batch_size": int(jobs.init_batch_size[at]),
        "max_batch_size": int(jobs.max_batch_size[at]),
        "local_batch_bounds": [int(jobs.local_batch_min[at]), int(jobs.local_batch_max[at])],
    }
    defaults = {**WHOLE, "min_batch_size": int(jobs.init_batch_size[at]), **FLAGS, "restarts": 0, "restart_s": 30.0}
    for name, default in defaults.items():
        value = getattr(jobs, name)[at].item()
        if value != default:
            row[name] = value
    if not np.isnan(jobs.age_s[at]):
        row["age_s"] = float(jobs.age_s[at])
    if instance.current is not None and instance.current[at].any():
        held = instance.current[at]
        row["current"] = {instance.node_names[int(n)]: int(held[n]) for n in np.flatnonzero(held)}
    return row
