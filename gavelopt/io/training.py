"""The native file of kind ``training``: cluster, jobs and entities, read and written. Rates are in ``rates``.

    {"format": "gavelopt/1", "kind": "training",
     "cluster": {"accelerators": [{"name": "v100", "count": 12, "cost_per_hour": 2.48, "memory_gib": 16, "per_node": 4}]},
     "jobs": [{"name": "j0", "workload": "ResNet-50 (batch size 16)", "scale_factor": 2, "weight": 1.0, "steps": 12345.0,
               "arrival_s": 0.0, "elapsed_s": 0.0, "isolated_elapsed_s": 0.0, "deadline_s": null, "entity": null}],
     "entities": [{"name": "teamA", "weight": 1.0, "policy": "fairness"}],
     "throughputs": {"unit": "steps/s", "rates": {"j0": {"v100": 11.4}}}}

Required: format, kind, cluster, jobs[].name, throughputs. Null counts as absent. ``name`` and ``notes`` (a list of
texts) may stand at the top. What is read and written again is the same instance, to the last bit of every number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gavelopt.io.fields import Fields, wrong_type
from gavelopt.io.rates import read_throughputs, throughputs_document
from gavelopt.labels import Labels
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Entity, Instance
from gavelopt.model.jobs import JobSet

FORMAT = "gavelopt/1"
# Columns of a job with the value that an absent field means; None where absent means unknown or none.
JOB_DEFAULTS: Mapping[str, float | None] = {
    "scale_factor": 1,
    "weight": 1.0,
    "steps": None,
    "arrival_s": 0.0,
    "elapsed_s": 0.0,
    "isolated_elapsed_s": 0.0,
    "deadline_s": None,
}
JOB_TEXTS = ("workload", "entity")
CLUSTER_COLUMNS = ("cost_per_hour", "memory_gib", "per_node")


def read_training(document: Mapping[str, Any], path: Path, missing: str = "error") -> Instance:
    """The instance in a parsed native document. Raises InputError naming the field: ``jobs[3].weight``."""
    fields = Fields(document)
    fields.text("format")
    fields.text("kind")
    cluster = read_cluster(fields.section("cluster"))
    jobs = read_jobs(fields.sections("jobs"))
    entities = read_entities(fields)
    jobs, table, notes = read_throughputs(fields.section("throughputs"), jobs, cluster.accelerators, missing)
    said = read_notes(fields.array("notes", []))
    name = fields.text("name", None)
    fields.done()
    return Instance(cluster, jobs, table, entities, name, (*said, *notes))


def read_cluster(fields: Fields) -> Cluster:
    """``{"accelerators": [{"name", "count", "cost_per_hour", "memory_gib", "per_node"}]}``; the last three optional."""
    rows = fields.sections("accelerators")
    names = [row.text("name") for row in rows]
    count = [row.number("count", minimum=0) for row in rows]
    columns = {name: [row.number(name, np.nan, minimum=0) for row in rows] for name in CLUSTER_COLUMNS}
    for row in rows:
        row.done()
    fields.done()
    return Cluster(Labels(names, "accelerator", where=fields.place("accelerators")), count, **columns)


def read_jobs(rows: Sequence[Fields]) -> JobSet:
    """The jobs, one object each; only ``name`` is required."""
    names = [row.text("name") for row in rows]
    columns: dict[str, Any] = {name: [row.text(name, None) for row in rows] for name in JOB_TEXTS}
    columns["scale_factor"] = [row.number("scale_factor", 1, minimum=1, whole=True) for row in rows]
    for name in ("weight", "deadline_s"):
        columns[name] = [row.number(name, _absent(name), above=0) for row in rows]
    for name in ("steps", "arrival_s", "elapsed_s", "isolated_elapsed_s"):
        columns[name] = [row.number(name, _absent(name), minimum=0) for row in rows]
    for row in rows:
        row.done()
    return JobSet(Labels(names, "job", where="jobs"), **columns)


def read_entities(fields: Fields) -> tuple[Entity, ...]:
    """``{"entities": [{"name", "weight", "policy"}]}``; weight 1 and policy fairness unless given."""
    found = []
    for row in fields.sections("entities", []):
        name, weight = row.text("name"), row.number("weight", 1.0, above=0)
        found.append(Entity(name, weight, row.text("policy", "fairness", choices=("fairness", "fifo"))))
        row.done()
    return tuple(found)


def read_notes(notes: Any) -> tuple[str, ...]:
    """``["...", "..."]``, or null for none: what a reader of the instance should know."""
    if notes is not None and not (isinstance(notes, list) and all(isinstance(note, str) for note in notes)):
        raise wrong_type("notes", notes, "a list of strings")
    return tuple(notes or ())


def training_document(instance: Instance) -> dict[str, Any]:
    """The native document of an instance: plain Python, ready for JSON; fields at their default are left out."""
    document: dict[str, Any] = {"format": FORMAT, "kind": "training"}
    if instance.name:
        document["name"] = instance.name
    if instance.notes:
        document["notes"] = list(instance.notes)
    document["cluster"] = cluster_document(instance.cluster)
    document["jobs"] = jobs_document(instance.jobs)
    if instance.entities:
        document["entities"] = entities_document(instance.entities)
    document["throughputs"] = throughputs_document(instance)
    return document


def cluster_document(cluster: Cluster) -> dict[str, Any]:
    """The cluster as it stands in a native document."""
    rows: list[dict[str, Any]] = [
        {"name": name, "count": plain(count)} for name, count in zip(cluster.accelerators, cluster.count, strict=True)
    ]
    for column in CLUSTER_COLUMNS:
        values = getattr(cluster, column)
        for row, value in zip(rows, [] if values is None else values, strict=False):
            if not np.isnan(value):
                row[column] = plain(value)
    return {"accelerators": rows}


def jobs_document(jobs: JobSet) -> list[dict[str, Any]]:
    """The jobs as they stand in a native document; a column at its default everywhere is left out."""
    rows: list[dict[str, Any]] = [{"name": name} for name in jobs.names]
    for column in ("workload", *JOB_DEFAULTS, "entity"):
        values = getattr(jobs, column)
        default = JOB_DEFAULTS.get(column)
        if values is None or (default is not None and bool(np.all(values == default))):
            continue
        cells = values if isinstance(values, tuple) else values.tolist()
        for row, cell in zip(rows, cells, strict=True):
            if cell is not None and cell == cell:  # a NaN differs from itself
                row[column] = cell
    return rows


def entities_document(entities: Sequence[Entity]) -> list[dict[str, Any]]:
    """The entities as they stand in a native document."""
    return [{"name": entity.name, "weight": entity.weight, "policy": entity.policy} for entity in entities]


def plain(value: float) -> int | float:
    """A number as people write it: 12 rather than 12.0, where that loses nothing."""
    number = float(value)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _absent(column: str) -> float:
    default = JOB_DEFAULTS[column]
    return np.nan if default is None else default
