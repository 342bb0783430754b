"""Benchmark results as text: exact against heuristic, replays, and reproduced figures beside the published ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gavelopt.bench.promises import within
from gavelopt.bench.statistics import Mean, Row, geometric, rows
from gavelopt.report import words
from gavelopt.report.layout import sheet

Record = Mapping[str, Any]
LEGEND = (
    "of optimum: geometric mean of value over the optimum that the exact method proved (its reciprocal for costs); of bound: "
    "over the best bound that any method proved; ranges: 95 % bootstrap; proved: answers proved optimal; seconds: geometric "
    "mean of seconds over those of the exact method on the same instance"
)


def bench_view(records: Sequence[Record]) -> RenderableType:
    """Everything that the records say, in three tables (those that have rows)."""
    parts: list[RenderableType] = []
    if any(record["kind"] == "solve" and not record.get("published") for record in records):
        parts += [quality_view(rows(plain_solves(records))), Text(LEGEND, style="dim"), ""]
    if any(record["kind"] == "replay" and not record.get("published") for record in records):
        parts += [replays_view(records), ""]
    if any(record.get("published") for record in records):
        parts += [figures_view(records), ""]
    absent = sorted({record["reason"].splitlines()[0] for record in records if record["status"] == "absent"})
    if absent:
        parts.append(Text(f"{words.count(len(absent), 'data file')} absent: left out", style="yellow"))
    return Group(*parts)


def plain_solves(records: Iterable[Record]) -> list[Record]:
    """The records of the quality table: solves whose data was there, without single reproduced figures."""
    return [r for r in records if r["kind"] == "solve" and r["status"] != "absent" and not r.get("published")]


def quality_view(found: Sequence[Row]) -> RenderableType:
    """One row a question and method."""
    table = sheet()
    for head in ("question", "method"):
        table.add_column(head, no_wrap=True)
    for head in ("solved", "of optimum", "range", "worst", "of bound", "proved", "seconds"):
        table.add_column(head, justify="right", no_wrap=True)
    before: tuple[str, str] | None = None
    for row in found:
        here = (row.suite, row.question)
        if before is None or before[0] != row.suite:
            table.add_row(Text(row.system, style="bold"))
        table.add_row(Text("" if here == before else f"  {row.question}"), Text(row.method), *quality_cells(row))
        before = here
    return table


def quality_cells(row: Row) -> list[str]:
    """The figures of a row as text: solved, of optimum, range, worst, of bound, proved, seconds."""
    exact = row.of_exact
    return [
        f"{row.solved}/{row.asked}",
        percent(exact.value) if exact else "",
        between(exact) if exact else "",
        percent(exact.least) if exact else "",
        percent(row.of_bound.value) if row.of_bound else "",
        f"{row.optimal}/{row.asked}",
        times(row.times.value) if row.times else "",
    ]


def replays_view(records: Iterable[Record]) -> RenderableType:
    """Mean completion times of every scheduler over those of the first one on the same traces."""
    table = sheet()
    table.add_column("scheduler", no_wrap=True)
    for head in ("traces", "mean completion", "range", "makespan"):
        table.add_column(head, justify="right", no_wrap=True)
    for name, count, mean, makespan in replay_rows(records):
        table.add_row(Text(name), str(count), times(mean.value), between(mean, times), times(makespan.value))
    return Group(Text("replays, over the first scheduler on the same trace", style="bold"), table)


def replay_rows(records: Iterable[Record]) -> list[tuple[str, int, Mean, Mean]]:
    """(scheduler, traces, mean completion time and makespan over those of the first scheduler)."""
    solved = [r for r in records if r["kind"] == "replay" and not r.get("published") and r["value"] is not None]
    first: dict[tuple[str, int], Record] = {}
    for record in solved:
        first.setdefault((record["instance"], record["seed"]), record)
    found = []
    for name in dict.fromkeys(record["question"] for record in solved):
        own = [(r, first[r["instance"], r["seed"]]) for r in solved if r["question"] == name]
        mean = geometric(r["value"] / base["value"] for r, base in own)
        span = geometric(r["figures"]["makespan_s"] / base["figures"]["makespan_s"] for r, base in own)
        if mean is not None and span is not None:
            found.append((name, len(own), mean, span))
    return found


def figures_view(records: Iterable[Record]) -> RenderableType:
    """One row a reproduced figure."""
    table = sheet()
    table.add_column("published figure", overflow="fold")
    for head in ("published", "ours", "tolerance", ""):
        table.add_column(head, justify="right", no_wrap=True)
    for record in records:
        if record.get("published"):
            published = record["published"]
            ours = "" if record["value"] is None else words.number(record["value"])
            state = verdict(record)
            table.add_row(
                Text(f"{record['system']}: {record['title']}"),
                words.number(published["value"]),
                ours,
                words.number(published["tolerance"]),
                Text(state, style={"agrees": "green", "differs": "red"}.get(state, "yellow")),
            )
    return table


def verdict(record: Record) -> str:
    """agrees, differs, or why there is no figure of ours."""
    if record["value"] is None:
        return "no data" if record["status"] == "absent" else record["status"]
    return "agrees" if within(record) else "differs"


def percent(part: float) -> str:
    """A share; 100 % is said only of what is 1 but for rounding."""
    if abs(part - 1.0) < 5e-7:
        return "100 %"
    shown = f"{100 * part:.2f}" if part > 0.995 else f"{100 * part:.1f}"
    return "99.99 %" if part < 1.0 and shown == "100.00" else f"{shown} %"


def between(mean: Mean, write: Any = percent) -> str:
    """The interval of a mean, nothing where there is none or it has no width."""
    if mean.low is None or mean.high is None or write(mean.low) == write(mean.high):
        return ""
    return f"{write(mean.low).removesuffix(' %')} to {write(mean.high)}"


def times(ratio: float) -> str:
    """A ratio of seconds: two digits."""
    return f"x {ratio:.2g}" if ratio < 100 else f"x {ratio:,.0f}"
