"""bench: run suites; report: the page of records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gavelopt.cli import options, talk
from gavelopt.errors import InputError

PAGE, RECORDS = "report.html", "records.jsonl"


def bench(
    suites: Annotated[list[str] | None, typer.Argument(help="Suites by name or .toml file; without any, all.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small instances: all suites in under two minutes.")] = False,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", help="Runs at a time; by default one a core.")] = None,
    backend: Annotated[str, typer.Option(metavar="joblib|ray", help="Who deals out the runs.")] = "joblib",
    data: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", envvar="GAVELOPT_SHARED_DATA", help="Folder of data files that suites name."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help=f"Write {RECORDS} (taken up again by a later run) and {PAGE}."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Run benchmark suites: exact against heuristic. Exit code 1 if a heuristic beats a proved bound or optimum."""
    with talk.guarded(as_json):
        from gavelopt.bench.promises import broken
        from gavelopt.bench.runner import run_all
        from gavelopt.bench.suite import find_suites, read_suite
        from gavelopt.report.bench import bench_view

        found = [read_suite(path, quick=quick) for path in find_suites(suites or [])]
        records = run_all(
            [run for suite in found for run in suite.runs],
            path=None if out is None else _folder(out) / RECORDS,
            jobs=_cores() if jobs is None else _at_least_one(jobs),
            backend=backend,
            data=None if data is None else str(data.resolve()),
        )
        failures = broken(records)
        if as_json:
            talk.document({"records": records, "broken": failures})
        talk.show(bench_view(records), as_json=as_json)
        if out is not None:
            talk.say(f"written to {out / RECORDS} and {_page(records, out / PAGE)}")
        for failure in failures:
            talk.say(f"broken: {failure}")
        if failures:
            raise typer.Exit(talk.NOT_SOLVED)


def report(
    records: Annotated[
        list[Path], typer.Argument(help=f"{RECORDS} that gavelopt bench wrote; several are put together.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="PATH", help=f"Page to write, for example {PAGE}.")
    ] = None,
) -> None:
    """Show the tables of benchmark records, or write their page: one HTML file that needs nothing else."""
    with talk.guarded(False):
        from gavelopt.bench.records import read_records
        from gavelopt.report.bench import bench_view

        if out is not None and not out.parent.is_dir():
            raise InputError("no such folder", where=str(out.parent), fix="make the folder first")
        found = {record["key"]: record for path in records for record in read_records(path)}
        if not found:
            raise InputError("no runs to report", where=", ".join(map(str, records)), fix="give a records.jsonl")
        if out is None:
            talk.show(bench_view(list(found.values())), as_json=False)
        else:
            print(_page(list(found.values()), out))


def _page(records: list[dict[str, Any]], path: Path) -> Path:
    from gavelopt.report.bench_page import bench_page

    path.write_text(bench_page(records), encoding="utf-8")
    return path


def _folder(out: Path) -> Path:
    if out.is_file():
        raise InputError("--out is a file", seen=str(out), rule="a folder")
    out.mkdir(parents=True, exist_ok=True)
    return out


def _at_least_one(jobs: int) -> int:
    if jobs < 1:
        raise InputError("--jobs out of range", seen=jobs, rule="at least 1")
    return jobs


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
