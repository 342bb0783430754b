"""The native file of kind ``elastic_trace``: elastic jobs that arrive and learn, for replays.

    {"format": "gavelopt/1", "kind": "elastic_trace",
     "cluster": {"nodes": 16, "gpus_per_node": 4},
     "runs": {"cifar10": {"progress": [390, 780], "sqr": [0.1, 0.2], "var": [2.9, 8.1]}},
     "jobs": [{"name": "cifar10-0", "arrival_s": 110, "run": "cifar10",
               "perf": {...}, "init_batch_size": 128, "max_batch_size": 4096, "local_batch_bounds": [32, 1024]}]}

Cluster and jobs are those of the kind ``elastic`` (see ``elastic.py``) without ``grad``, ``age_s``, ``restarts`` and
``current``, which change as time passes. ``arrival_s`` is 0 unless given. A run has one row an epoch: the progress at its end
in iterations at the initial batch size, and squared norm and variance of the gradient meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.io.elastic import elastic_document, read_elastic
from gavelopt.io.fields import Fields
from gavelopt.model.elastic_trace import ElasticTrace, TrainingCurve

OF_THE_TRACE = ("arrival_s", "run")
OF_THE_MOMENT = ("grad", "age_s", "restarts", "current")


def read_elastic_trace(document: Mapping[str, Any], path: Path) -> ElasticTrace:
    """The trace in a parsed native document. Raises InputError naming the field: ``runs.bert.progress``."""
    fields = Fields(document)
    runs = {name: _run(Fields(run, f"runs.{name}")) for name, run in fields.mapping("runs").items()}
    rows, arrival, curves = fields.sections("jobs"), [], []
    for row in rows:
        arrival.append(row.number("arrival_s", 0.0, minimum=0))
        name = row.text("run")
        if name not in runs:
            raise UnknownName.among("run", name, runs, where=row.place("run"))
        curves.append(runs[name])
        for moment in OF_THE_MOMENT:
            if row.has(moment):
                raise InputError(f"{row.place(moment)} changes as time passes", fix=f"leave {moment!r} out")
    jobs = [_at_start(row.document, curve) for row, curve in zip(rows, curves, strict=True)]
    rest = {key: value for key, value in document.items() if key != "runs"}
    start = read_elastic({**rest, "kind": "elastic", "jobs": jobs}, path)
    return ElasticTrace(start.cluster, start.jobs, np.array(arrival), curves, start.name, start.notes)


def _run(fields: Fields) -> TrainingCurve:
    columns = [fields.numbers(name, minimum=0) for name in ("progress", "sqr", "var")]
    fields.done()
    try:
        return TrainingCurve(*(np.array(column) for column in columns))
    except InputError as error:
        raise error.at(fields.where) from None


def _at_start(row: Mapping[str, Any], curve: TrainingCurve) -> dict[str, Any]:
    """The job of kind elastic, as it is before its first step."""
    sqr, var = curve.gradient(0.0)
    kept = {key: value for key, value in row.items() if key not in OF_THE_TRACE}
    return {**kept, "grad": {"sqr": sqr, "var": var}}


def elastic_trace_document(trace: ElasticTrace) -> dict[str, Any]:
    """The native document of a trace; jobs that share a curve share a run."""
    document = {**elastic_document(trace.instance), "kind": "elastic_trace"}
    number = {id(curve): f"run{at}" for at, curve in enumerate({id(c): c for c in trace.curves}.values())}
    document["runs"] = {
        number[id(curve)]: {name: getattr(curve, name).tolist() for name in ("progress", "sqr", "var")}
        for curve in {id(c): c for c in trace.curves}.values()
    }
    for at, row in enumerate(document["jobs"]):
        for moment in OF_THE_MOMENT:
            row.pop(moment, None)
        row.update(arrival_s=float(trace.arrival_s[at]), run=number[id(trace.curves[at])])
    for key in ("name", "notes"):
        value = getattr(trace, key)
        if value:
            document[key] = list(value) if key == "notes" else value
    return document
