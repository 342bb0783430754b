"""The native file of kind ``packing``, read and written.

    {"format": "gavelopt/1", "kind": "packing",
     "cluster": {"accelerators": [{"name": "titan", "count": null, "cost_per_hour": 0.9, "memory_gib": 12}]},
     "profiles": {"resnet": {"titan": [{"batch": 4, "latency_ms": 50.0, "memory_gib": 1.2, "std_ms": 0.1}]}},
     "sessions": [{"name": "s0", "model": "resnet", "rate_rps": 64, "slo_ms": 200}],
     "queries": [{"name": "q", "rate_rps": 10, "slo_ms": 400,
                  "root": {"model": "ssd", "children": [{"model": "resnet", "fanout": 2.5, "children": []}]}}],
     "prefix_groups": [{"name": "g", "prefix": "resnet_prefix", "members": [{"session": "s0", "suffix": "resnet_suffix"}]}],
     "interpolation": "step_up", "max_batch": 64}

A ``count`` that is null (or absent) means as few as possible. A profile may also be an object ``{"rows": [...],
"preprocess_ms": 3.3, "postprocess_ms": 0}``. A query that is no tree lists its ``stages`` instead of a ``root``:
``{"name", "model", "per_query", "parents": [...]}``. Required: format, kind, cluster, profiles; of rows batch and latency_ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gavelopt.errors import InputError
from gavelopt.io.fields import Fields
from gavelopt.io.training import FORMAT, read_notes
from gavelopt.model.latency import INTERPOLATIONS, US_PER_MS, BatchProfile
from gavelopt.model.packing import GIB, GpuType, PackingInstance, PrefixGroup, SessionSet
from gavelopt.model.queries import Query, Stage


def read_packing(document: Mapping[str, Any], path: Path) -> PackingInstance:
    """The instance in a parsed native document. Raises InputError naming the field: ``sessions[3].slo_ms``."""
    fields = Fields(document)
    fields.text("format")
    fields.text("kind")
    cluster = fields.section("cluster")
    gpus = [_gpu(row) for row in cluster.sections("accelerators")]
    cluster.done()
    tables = fields.section("profiles")
    profiles = [profile for model in tables.document for profile in _profiles(tables.section(model), model)]
    sessions = _sessions(fields.sections("sessions", []))
    queries = [_query(row) for row in fields.sections("queries", [])]
    groups = [_group(row) for row in fields.sections("prefix_groups", [])]
    interpolation = fields.text("interpolation", "step_up", choices=INTERPOLATIONS)
    max_batch = fields.integer("max_batch", None, minimum=1)
    notes, name = read_notes(fields.array("notes", [])), fields.text("name", None)
    fields.done()
    return PackingInstance(gpus, profiles, sessions, queries, groups, interpolation, max_batch, name, notes)


def _gpu(row: Fields) -> GpuType:
    found = GpuType(
        row.text("name"),
        row.integer("count", None, minimum=0),
        row.number("cost_per_hour", None, minimum=0),
        row.number("memory_gib", None, minimum=0),
    )
    row.done()
    return found


def _profiles(types: Fields, model: str) -> list[BatchProfile]:
    found = []
    for accelerator in types.document:
        given = types.take(accelerator)
        if isinstance(given, Mapping):
            section = types.section(accelerator)
            rows, before = section.sections("rows"), section.number("preprocess_ms", 0.0, minimum=0)
            after = section.number("postprocess_ms", 0.0, minimum=0)
            section.done()
        else:
            rows, before, after = types.sections(accelerator), 0.0, 0.0
        found.append(_profile(model, accelerator, rows, before, after))
    return found


def _profile(model: str, accelerator: str, rows: list[Fields], before: float, after: float) -> BatchProfile:
    batch = [row.integer("batch", minimum=1) for row in rows]
    latency = [row.number("latency_ms", above=0) * US_PER_MS for row in rows]
    memory = [row.number("memory_gib", None, minimum=0) for row in rows]
    spread = [row.number("std_ms", None, minimum=0) for row in rows]
    for row in rows:
        row.done()
    return BatchProfile(
        model,
        accelerator,
        batch,
        latency,
        _all_or_none("memory_gib", memory, GIB, rows),
        _all_or_none("std_ms", spread, US_PER_MS, rows),
        before * US_PER_MS,
        after * US_PER_MS,
    )


def _all_or_none(name: str, column: list[Any], unit: float, rows: list[Fields]) -> list[float] | None:
    """A column in base units, None where no row has it. Raises InputError where only some have."""
    missing = [at for at, value in enumerate(column) if value is None]
    if len(missing) == len(column):
        return None
    if missing:
        raise InputError(f"{name} is missing", where=rows[missing[0]].where, rule=f"{name} in every row, or in none")
    return [value * unit for value in column]


def _sessions(rows: list[Fields]) -> SessionSet:
    names = [row.text("name") for row in rows]
    model = [row.text("model") for row in rows]
    rate = [row.number("rate_rps", minimum=0) for row in rows]
    slo = [row.number("slo_ms", above=0) for row in rows]
    for row in rows:
        row.done()
    return SessionSet(names, model=model, rate_rps=rate, slo_ms=slo)


def _query(row: Fields) -> Query:
    name, rate, slo = row.text("name"), row.number("rate_rps", minimum=0), row.number("slo_ms", above=0)
    if row.has("stages"):
        stages = [_stage(stage) for stage in row.sections("stages")]
        row.done()
        return Query(name, rate, slo, stages)
    root = _node(row.section("root"))
    row.done()
    return Query.tree(name, rate, slo, root)


def _stage(row: Fields) -> Stage:
    name = row.text("name")
    parents = tuple(str(parent) for parent in row.array("parents", []))
    found = Stage(name, row.text("model", name), row.number("per_query", 1.0, minimum=0), parents)
    row.done()
    return found


def _node(row: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {"model": row.text("model"), "fanout": row.number("fanout", 1.0, minimum=0)}
    name = row.text("name", None)
    if name is not None:
        found["name"] = name
    found["children"] = [_node(child) for child in row.sections("children", [])]
    row.done()
    return found


def _group(row: Fields) -> PrefixGroup:
    members = []
    name, prefix = row.text("name"), row.text("prefix")
    for member in row.sections("members"):
        members.append((member.text("session"), member.text("suffix")))
        member.done()
    row.done()
    return PrefixGroup(name, prefix, tuple(members))


def packing_document(instance: PackingInstance) -> dict[str, Any]:
    """The native document of an instance; reading it gives the same instance."""
    document: dict[str, Any] = {"format": FORMAT, "kind": "packing"}
    if instance.name:
        document["name"] = instance.name
    if instance.notes:
        document["notes"] = list(instance.notes)
    document["cluster"] = {
        "accelerators": [
            {"name": gpu.name, "count": gpu.count, "cost_per_hour": gpu.cost_per_hour, "memory_gib": gpu.memory_gib}
            for gpu in instance.gpus
        ]
    }
    tables: dict[str, dict[str, Any]] = {}
    for profile in instance.profiles:
        tables.setdefault(profile.model, {})[profile.accelerator] = _profile_document(profile)
    document["profiles"] = tables
    sessions = instance.sessions
    document["sessions"] = [
        {"name": name, "model": model, "rate_rps": rate, "slo_ms": slo}
        for name, model, rate, slo in zip(
            sessions.names, sessions.model, sessions.rate_rps.tolist(), sessions.slo_ms.tolist(), strict=True
        )
    ]
    document["queries"] = [_query_document(query) for query in instance.queries]
    document["prefix_groups"] = [
        {
            "name": group.name,
            "prefix": group.prefix,
            "members": [{"session": session, "suffix": suffix} for session, suffix in group.members],
        }
        for group in instance.prefix_groups
    ]
    document["interpolation"] = instance.interpolation
    if instance.max_batch is not None:
        document["max_batch"] = instance.max_batch
    return document


def _profile_document(profile: BatchProfile) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {"batch": batch, "latency_ms": latency / US_PER_MS}
        for batch, latency in zip(profile.batch.tolist(), profile.latency_us.tolist(), strict=True)
    ]
    if profile.memory_bytes is not None:
        for row, held in zip(rows, profile.memory_bytes.tolist(), strict=True):
            row["memory_gib"] = held / GIB
    if profile.std_us is not None:
        for row, spread in zip(rows, profile.std_us.tolist(), strict=True):
            row["std_ms"] = spread / US_PER_MS
    return {
        "rows": rows,
        "preprocess_ms": profile.preprocess_us / US_PER_MS,
        "postprocess_ms": profile.postprocess_us / US_PER_MS,
    }


def _query_document(query: Query) -> dict[str, Any]:
    stages = [
        {"name": s.name, "model": s.model, "per_query": s.per_query, "parents": list(s.parents)} for s in query.stages
    ]
    return {"name": query.name, "rate_rps": query.rate_rps, "slo_ms": query.slo_ms, "stages": stages}
