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
SYSTEMS = ("Gavel", "Nexus", "AlpaServe", "Pollux")
LEGEND = (
    "optimum: geometric mean of value over the exact method's where that meets its bound (the reciprocal for costs), with "
    "its 95 % bootstrap interval and the worst instance; bound: over the best bound that any method proved; proved: answers "
    "proved optimal, of all; x time: geometric mean of seconds over those of the exact method on the same instance"
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
    spent = sum(record.get("wall_s", 0.0) for record in records)
    parts.append(
        Text(
            f"{words.count(len(records), 'run')}, {spent / words.MINUTE_S:.3g} minutes of their processes", style="dim"
        )
    )
    return Group(*parts)


def plain_solves(records: Iterable[Record]) -> list[Record]:
    """The records of the quality table: solves whose data was there, without single reproduced figures."""
    return [r for r in records if r["kind"] == "solve" and r["status"] != "absent" and not r.get("published")]


def quality_view(found: Sequence[Row]) -> RenderableType:
    """One row a method under each question that several methods answered; a line on those that one method answered."""
    table = sheet()
    table.add_column("method", overflow="fold")
    for head in ("optimum", "95 %", "worst", "bound", "proved", "x time"):
        table.add_column(head, justify="right", no_wrap=True)
    compared, alone = by_question(found)
    for (system, question), together in compared:
        table.add_row(Text(f"{system}: {question}", style="bold"))
        for row in together:
            table.add_row(Text(f"  {row.method}"), *quality_cells(row))
    parts: list[RenderableType] = [table]
    if alone:
        solved = sum(row.optimal == row.asked for row in alone)
        parts.append(
            Text(f"{words.count(len(alone), 'question')} more to the exact method alone: {solved} proved optimal")
        )
    return Group(*parts, *(Text(words.prose(line), style="yellow") for line in unanswered(found)))


def unanswered(found: Sequence[Row]) -> list[str]:
    """One line for each question and kind of reason that left methods without an answer."""
    lacking: dict[tuple[str, str], list[str]] = {}
    for row in found:
        for first in dict.fromkeys(reason.splitlines()[0] for reason in row.reasons):
            lacking.setdefault((row.question, first), []).append(row.method)
    return [f"{question} by {', '.join(methods)}: {reason}" for (question, reason), methods in lacking.items()]


def by_question(found: Sequence[Row]) -> tuple[list[tuple[tuple[str, str], list[Row]]], list[Row]]:
    """[((system, question), rows of its methods)] in the order of SYSTEMS, and the rows that have nothing beside them."""
    together: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        together.setdefault((row.system, row.question), []).append(row)
    order = sorted(
        together.items(), key=lambda item: SYSTEMS.index(item[0][0]) if item[0][0] in SYSTEMS else len(SYSTEMS)
    )
    compared = [item for item in order if len(item[1]) > 1]
    return compared, [rows[0] for _, rows in order if len(rows) == 1]


def quality_cells(row: Row) -> list[str]:
    """The figures of a row as text: share of the optimum, its range, worst, share of the bound, proved, ratio of seconds."""
    exact = row.of_exact
    return [
        percent(exact.value) if exact else "",
        between(exact) if exact else "",
        percent(exact.least) if exact else "",
        percent(row.of_bound.value) if row.of_bound else "",
        f"{row.optimal}/{row.asked}",
        times(row.times.value).removeprefix("x ") if row.times else "",
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
    return f"{write(mean.low).removesuffix(' %')}-{write(mean.high).removeprefix('x ').removesuffix(' %')}"


def times(ratio: float) -> str:
    """A ratio of seconds: two digits."""
    return f"x {ratio:.2g}" if ratio < 100 else f"x {ratio:,.0f}"
