"""inspect: what a file holds, whether it is a whole instance, a throughput table or a job list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gavelopt.cli import options, talk
from gavelopt.cli.asking import question
from gavelopt.report import words
from gavelopt.report.instance import instance_summary, instance_view, jobs_summary, jobs_view
from gavelopt.report.layout import notes


def inspect(
    file: options.File = None,
    cluster: options.Cluster = None,
    jobs: options.Jobs = None,
    throughputs: options.Throughputs = None,
    missing: options.Missing = "error",
    as_json: options.Json = False,
) -> None:
    """Show what a file holds, and what a reader should know before believing any answer."""
    with talk.guarded(as_json):
        whole = file is None or cluster is not None or jobs is not None or throughputs is not None
        found = None if whole else _alone(file, missing)
        if found is None:
            found = question(file, cluster, jobs, throughputs, missing)
        if as_json:
            talk.document(_summary(found))
        else:
            talk.show(_view(found), as_json=False)


def _alone(file: Path | None, missing: str) -> Any:
    """What the file holds by itself; None where it says nothing without further parts."""
    from gavelopt.io.read import TableFile, load

    assert file is not None
    found = load(file, missing)
    return None if isinstance(found, TableFile) else found


def _summary(found: Any) -> dict[str, Any]:
    from gavelopt.io.describe import describe_table
    from gavelopt.io.gavel_traces import GavelTrace
    from gavelopt.model.profiles import ThroughputProfiles

    if isinstance(found, ThroughputProfiles):
        return {"kind": "throughputs", "table": describe_table(found).to_dict()}
    if isinstance(found, GavelTrace):
        return {"kind": "trace", "columns": found.columns, "jobs": jobs_summary(found.jobs), "warnings": [*found.notes]}
    summary = instance_summary(found)
    return {**summary, "table": describe_table(found).to_dict()} if found.kind == "training" else summary


def _view(found: Any) -> RenderableType:
    from gavelopt.io.describe import describe_table
    from gavelopt.io.gavel_traces import GavelTrace
    from gavelopt.model.profiles import ThroughputProfiles

    if isinstance(found, ThroughputProfiles):
        lines = describe_table(found).lines()
        return Group(Text("throughputs", style="bold"), *(Text(words.printable(line)) for line in lines))
    if isinstance(found, GavelTrace):
        title = Text(f"trace of {found.columns} columns", style="bold")
        return Group(title, jobs_view(jobs_summary(found.jobs)), notes(found.notes))
    if found.kind != "training":
        return instance_view(found)
    unsaid = [line for line in describe_table(found).oddities() if line not in found.warnings]
    return Group(instance_view(found), *(["", notes(unsaid)] if unsaid else []))
