"""What an instance holds, as plain figures and as text."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gavelopt.model.arrays import FloatArray
from gavelopt.model.instance import Instance
from gavelopt.model.jobs import JobSet
from gavelopt.report import words
from gavelopt.report.layout import facts, notes, sheet

KNOWN = {"cost_per_hour": "cost/h", "memory_gib": "GiB", "per_node": "per node"}  # of a type, where somebody said so


def instance_summary(instance: Instance) -> dict[str, Any]:
    """Plain Python, ready for JSON: jobs, accelerators, throughputs, warnings. Kinds other than training: what they say."""
    summary: dict[str, Any] = {"kind": instance.kind, "name": instance.name}
    if instance.kind == "training":
        summary |= {
            "jobs": jobs_summary(instance.jobs),
            "entities": [entity.name for entity in instance.entities],
            "accelerators": _accelerators(instance),
            "throughputs": {
                "unit": instance.throughputs.unit,
                "source": instance.throughputs.source,
                "rows": len(instance.throughputs.rows),
                "pairs": 0 if instance.throughputs.pairs is None else len(instance.throughputs.pairs),
            },
        }
    else:
        summary["description"] = repr(instance)
    return {**summary, "warnings": list(instance.warnings)}


def jobs_summary(jobs: JobSet) -> dict[str, Any]:
    """How many jobs, of what, and the range of each column."""
    scales, counts = np.unique(jobs.scale_factor, return_counts=True)
    return {
        "count": len(jobs),
        "workloads": None if jobs.workload is None else len(set(jobs.workload) - {None}),
        "scale_factors": {str(int(s)): int(n) for s, n in zip(scales, counts, strict=True)},
        "accelerators_wanted": int(jobs.scale_factor.sum()),
        "weight": _range(jobs.weight),
        "steps": None if jobs.steps is None else _range(jobs.steps),
        "deadlines": 0 if jobs.deadline_s is None else int(np.isfinite(jobs.deadline_s).sum()),
    }


def _range(values: FloatArray) -> list[float] | None:
    known = values[np.isfinite(values)]
    return [float(known.min()), float(known.max())] if len(known) else None


def _accelerators(instance: Instance) -> list[dict[str, Any]]:
    """One row a type: how many, what is known of it, for how many jobs it is the fastest, and its cells without a rate."""
    cluster, rates, known = instance.cluster, instance.rates, instance.throughputs.known_cells
    best = rates.max(axis=1, initial=0.0)
    rows = []
    for column, name in enumerate(cluster.accelerators):
        row: dict[str, Any] = {"name": name, "count": float(cluster.count[column])}
        for field in KNOWN:
            values = getattr(cluster, field)
            missing = values is None or np.isnan(values[column])
            row[field] = None if missing else float(values[column])
        row["fastest_for"] = int(((rates[:, column] == best) & (best > 0)).sum())
        row["cannot_run"] = int(((rates[:, column] == 0) & known[:, column]).sum())
        row["unknown"] = int((~known[:, column]).sum())
        rows.append(row)
    return rows


def instance_view(instance: Instance) -> RenderableType:
    """The summary for people."""
    summary = instance_summary(instance)
    title = Text(f"{summary['kind']} instance", style="bold")
    if summary["name"]:
        title.append(f"  {words.printable(summary['name'])}", style="not bold dim")
    parts: list[RenderableType] = [title]
    if instance.kind == "training":
        parts += [_facts(summary), "", _types(summary["accelerators"])]
    else:
        parts.append(Text(summary["description"]))
    return Group(*parts, *(["", notes(summary["warnings"])] if summary["warnings"] else []))


def jobs_view(jobs: dict[str, Any]) -> Table:
    """The summary of a job list for people."""
    grid = facts()
    workloads = "" if jobs["workloads"] is None else f" of {words.count(jobs['workloads'], 'workload')}"
    wanted = words.count(jobs["accelerators_wanted"], "accelerator")
    grid.add_row("jobs", f"{jobs['count']:,}{workloads}; together they hold {wanted}")
    grid.add_row("scale factors", ", ".join(f"{n:,} x {s}" for s, n in jobs["scale_factors"].items()) or "none")
    for name in ("weight", "steps"):
        if jobs[name] is not None:
            low, high = (words.number(value) for value in jobs[name])
            grid.add_row(name, low if low == high else f"{low} to {high}")
    if jobs["deadlines"]:
        grid.add_row("deadlines", words.count(jobs["deadlines"], "job"))
    return grid


def _facts(summary: dict[str, Any]) -> RenderableType:
    grid, table = jobs_view(summary["jobs"]), summary["throughputs"]
    if summary["entities"]:
        grid.add_row("entities", Text(words.printable(", ".join(summary["entities"]))))
    pairs = f", {words.count(table['pairs'], 'pair')} for space sharing" if table["pairs"] else ""
    grid.add_row("throughputs", f"{table['unit']}, {words.count(table['rows'], 'row')}{pairs}")
    if table["source"]:
        grid.add_row("source", Text(words.printable(table["source"])))
    return grid


def _types(rows: list[dict[str, Any]]) -> RenderableType:
    known = [field for field in KNOWN if any(row[field] is not None for row in rows)]
    table = sheet()
    table.add_column("accelerator", max_width=32, no_wrap=True, overflow="ellipsis")
    for head in ("count", *(KNOWN[field] for field in known), "fastest for", "cannot run", "unknown"):
        table.add_column(head, justify="right")
    for row in rows:
        cells = ["" if row[field] is None else words.number(row[field]) for field in ("count", *known)]
        jobs = [words.count(row[field], "job") for field in ("fastest_for", "cannot_run", "unknown")]
        table.add_row(Text(words.printable(row["name"])), *cells, *jobs)
    return table
