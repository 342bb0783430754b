"""The native file of kind ``placement``, read and written.

    {"format": "gavelopt/1", "kind": "placement",
     "cluster": {"accelerators": [{"name": "v100", "count": 16, "memory_gib": 13}]},
     "profiles": [{"model": "bert", "inter_op": 2, "intra_op": 1, "batch": 1,
                   "stage_latency_s": [0.05, 0.05], "stage_weight_gib": [1.3, 1.3]}],
     "models": [{"name": "m0", "profile": "bert", "slo_s": 0.5, "rate_rps": 4.0, "cv": 1.0}],
     "requests": [{"t_s": 0.1, "model": "m0"}],
     "training_requests": "train.csv",
     "overheads": {"request_s": 0.011, "per_stage": 0.009}, "duration_s": 200, "seed": 0}

``memory_gib`` is the weight budget of one accelerator. ``requests`` (and ``training_requests``, which methods may look at)
are a list, or the path of a CSV with the columns t_s and model beside the document. Without requests a Gamma process of
every model's ``rate_rps`` and ``cv`` (1 unless given) runs for ``duration_s``, model i with seed ``seed + i``. ``inter_op``,
``intra_op`` and ``batch`` are 1 unless given; no ``slo_s`` is no objective. ``counted`` [first, last) are the positions, by
time, of the requests that count in attainment (all unless given); the others only load the system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.io.fields import Fields
from gavelopt.io.request_traces import read_requests
from gavelopt.io.training import FORMAT, cluster_document, read_cluster, read_notes
from gavelopt.labels import Labels
from gavelopt.model.placement import PlacementInstance
from gavelopt.model.serving import Configuration, Overheads, ServedModels, ServingProfile, ServingProfiles, Workload
from gavelopt.replay.requests import gamma_workload

DURATION_S = 200.0


def read_placement(document: Mapping[str, Any], path: Path) -> PlacementInstance:
    """The instance in a parsed native document. Raises InputError naming the field: ``models[3].slo_s``."""
    fields = Fields(document)
    fields.text("format")
    fields.text("kind")
    cluster = read_cluster(fields.section("cluster"))
    profiles = ServingProfiles(_profile(row) for row in fields.sections("profiles"))
    models = _models(fields.sections("models"))
    duration = fields.number("duration_s", DURATION_S, above=0)
    seed = fields.integer("seed", 0, minimum=0)
    workload = _requests(fields, "requests", models.names, path)
    training = _requests(fields, "training_requests", models.names, path)
    counted = fields.numbers("counted", None, minimum=0, whole=True)
    overheads = _overheads(fields)
    notes, name = read_notes(fields.array("notes", [])), fields.text("name", None)
    fields.done()
    if workload is None:
        workload = _generated(models, duration, seed)
    if counted is not None:
        workload = Workload(workload.arrival_s, workload.model, _pair(counted))
    return PlacementInstance(cluster, models, profiles, workload, training, overheads, name, notes)


def _pair(counted: Sequence[float]) -> tuple[int, int]:
    if len(counted) != 2:
        raise InputError("counted must be two positions", seen=counted, rule="[first, last)")
    return int(counted[0]), int(counted[1])


def _profile(row: Fields) -> ServingProfile:
    found = ServingProfile(
        row.text("model"),
        Configuration(row.integer("inter_op", 1, minimum=1), row.integer("intra_op", 1, minimum=1)),
        tuple(row.numbers("stage_latency_s", above=0)),
        tuple(row.numbers("stage_weight_gib", minimum=0)),
        row.integer("batch", 1, minimum=1),
    )
    row.done()
    return found


def _models(rows: Sequence[Fields]) -> ServedModels:
    names = [row.text("name") for row in rows]
    profile = [row.text("profile", name) for row, name in zip(rows, names, strict=True)]
    slo = [row.number("slo_s", np.inf, above=0) for row in rows]
    rate = [row.number("rate_rps", None, minimum=0) for row in rows]
    cv = [row.number("cv", 1.0, minimum=0) for row in rows]
    for row in rows:
        row.done()
    known = None if any(value is None for value in rate) else rate
    return ServedModels(Labels(names, "model", where="models"), profile, slo, known, cv)


def _overheads(fields: Fields) -> Overheads:
    if not fields.has("overheads"):
        fields.take("overheads", None)
        return Overheads()
    section, usual = fields.section("overheads"), Overheads()
    found = Overheads(
        section.number("request_s", usual.request_s, minimum=0), section.number("per_stage", usual.per_stage, minimum=0)
    )
    section.done()
    return found


def _requests(fields: Fields, name: str, models: Labels, path: Path) -> Workload | None:
    """The requests of a field: a list, or the path of a CSV; None where the field is absent."""
    given = fields.take(name, None)
    if given is None:
        return None
    if isinstance(given, str):
        trace = read_requests(path.parent / given)
        asked = [models.index(model) for model in trace.model or ()]
        return Workload(trace.arrival_s, np.array(asked, dtype=np.int64))
    rows = fields.sections(name)
    time = np.array([row.number("t_s", minimum=0) for row in rows], dtype=float)
    asked = [_model(row, models) for row in rows]
    for row in rows:
        row.done()
    order = np.argsort(time, kind="stable")
    return Workload(time[order], np.array(asked, dtype=np.int64)[order])


def _model(row: Fields, models: Labels) -> int:
    try:
        return models.index(row.text("model"))
    except InputError as error:
        raise error.at(row.place("model")) from None


def _generated(models: ServedModels, duration_s: float, seed: int) -> Workload:
    if models.rate_rps is None:
        raise InputError(
            "there are no requests, and no rates to make them from", fix="give requests, or rate_rps of every model"
        )
    return gamma_workload(models.rate_rps, models.cv, duration_s, seed)


def placement_document(instance: PlacementInstance) -> dict[str, Any]:
    """The native document of an instance, with its requests written out; reading it gives the same instance."""
    document: dict[str, Any] = {"format": FORMAT, "kind": "placement"}
    if instance.name:
        document["name"] = instance.name
    if instance.notes:
        document["notes"] = list(instance.notes)
    document["cluster"] = cluster_document(instance.cluster)
    document["profiles"] = [
        {
            "model": row.model,
            "inter_op": row.configuration.inter_op,
            "intra_op": row.configuration.intra_op,
            "batch": row.batch,
            "stage_latency_s": list(row.stage_latency_s),
            "stage_weight_gib": list(row.stage_weight_gib),
        }
        for row in instance.profiles.rows
    ]
    document["models"] = _models_document(instance.models)
    document["overheads"] = {
        "request_s": instance.overheads.request_s,
        "per_stage": instance.overheads.per_stage,
    }
    document["requests"] = _requests_document(instance, instance.workload)
    if instance.workload.counts < len(instance.workload):
        document["counted"] = list(instance.workload.counted)
    if instance.training is not None:
        document["training_requests"] = _requests_document(instance, instance.training)
    return document


def _models_document(models: ServedModels) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"name": name, "profile": profile, **({} if np.isinf(slo) else {"slo_s": slo})}
        for name, profile, slo in zip(models.names, models.profile, models.slo_s.tolist(), strict=True)
    ]
    for column in ("rate_rps", "cv"):
        values = getattr(models, column)
        for row, value in zip(rows, [] if values is None else values.tolist(), strict=False):
            row[column] = value
    return rows


def _requests_document(instance: PlacementInstance, workload: Workload) -> list[dict[str, Any]]:
    names = instance.models.names
    return [
        {"t_s": time, "model": names[m]}
        for time, m in zip(workload.arrival_s.tolist(), workload.model.tolist(), strict=True)
    ]
