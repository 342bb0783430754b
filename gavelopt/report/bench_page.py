"""The page of benchmark records: one HTML file with its tables and pictures inside."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from importlib.util import find_spec
from typing import Any

from gavelopt.bench.promises import broken
from gavelopt.bench.statistics import Mean, rows
from gavelopt.report import words
from gavelopt.report.bench import (
    LEGEND,
    between,
    by_question,
    percent,
    plain_solves,
    replay_rows,
    times,
    verdict,
)
from gavelopt.report.html import Cell, number, page, picture, table

Record = Mapping[str, Any]
STATES = {"agrees": "good", "differs": "bad"}
VERDICTS = {True: "holds", False: "violated", None: "undecided"}


def bench_page(records: Sequence[Record]) -> str:
    """The page as text."""
    parts = [*_head(records), *_quality(records), *_pictures(records), *_replays(records), *_figures(records)]
    return page("gavelopt benchmarks", [*parts, *_runs(records)])


def _head(records: Sequence[Record]) -> Iterator[str]:
    """What ran where, and whether every promise was kept."""
    machines = {record["machine"]["cpu"]: record["machine"] for record in records}
    yield "<h1>gavelopt benchmarks: exact against heuristic</h1>"
    for machine in machines.values():
        versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
        known = {
            "processor": f"{machine['cpu']} ({machine['cores']} cores)",
            "system": machine["system"],
            "commit": machine["commit"] or "not from a repository",
            "python": machine["python"],
            "versions": versions,
        }
        yield _facts(known)
    if records:
        when = sorted(record["started"] for record in records)
        yield _facts({"runs": f"{len(records):,}", "from": when[0], "to": when[-1], "each": "in a process of its own"})
    failures = broken(records)
    solved = sum(record["value"] is not None for record in records)
    kept = f"{solved:,} answers: none beats a proved bound, no heuristic beats an exact optimum, no process crashed."
    if failures:
        listed = "".join(f"<li>{escape(failure)}</li>" for failure in failures)
        yield f'<div class="banner bad"><b>Broken promises</b><ul>{listed}</ul></div>'
    else:
        yield f'<div class="banner">{kept}</div>'


def _facts(known: Mapping[str, str]) -> str:
    spans = "".join(f"<span><b>{name}</b> {escape(text)}</span>" for name, text in known.items())
    return f'<div class="facts">{spans}</div>'


def _quality(records: Sequence[Record]) -> Iterator[str]:
    """The table of methods."""
    compared, _ = by_question(rows(plain_solves(records)))
    lines = [
        [
            Cell(row.system),
            Cell(row.question),
            Cell(row.method),
            *(_share(row.of_exact), Cell(between(row.of_exact) if row.of_exact else "")),
            number(percent(row.of_exact.least) if row.of_exact else "", row.of_exact.least if row.of_exact else None),
            _share(row.of_bound),
            number(f"{row.solved}/{row.asked}", row.solved / row.asked),
            number(f"{row.optimal}/{row.asked}", row.optimal / row.asked),
            number(times(row.times.value) if row.times else "", row.times.value if row.times else None),
        ]
        for _, together in compared
        for row in together
    ]
    if lines:
        heads = ("system", "question", "method", "optimum", "95 %", "worst", "bound", "solved", "proved", "x time")
        yield "<h2>How far from the optimum</h2>"
        yield table(heads, lines, "quality")
        yield f'<p class="note">{escape(LEGEND[0].upper() + LEGEND[1:])}. Click a head to sort.</p>'


def _share(mean: Mean | None) -> Cell:
    return number(percent(mean.value) if mean else "", mean.value if mean else None)


def _pictures(records: Sequence[Record]) -> Iterator[str]:
    """The pictures that the records allow; a remark where there is no matplotlib."""
    if find_spec("matplotlib") is None:
        yield "<p class=\"note\">Pictures need matplotlib: pip install 'gavelopt[plot]'.</p>"
        return
    from gavelopt.report import bench_plots

    drawn: tuple[tuple[str, Callable[[Sequence[Record]], Any], str], ...] = (
        ("Exact and heuristic in one picture", bench_plots.quality_plot, "Dots: geometric mean; bars: 95 %; |: worst."),
        ("What fairness costs", bench_plots.fairness_plot, "One instance; p from 1 (sum) to minus infinity (max-min)."),
        ("Gap against time", bench_plots.gap_plot, "A point an answer; a cross the medians of a method."),
        ("Performance profiles", bench_plots.profile_plot, "Up and to the left is better."),
        ("Growth with size", bench_plots.growth_plot, "Geometric means of seconds in the method."),
    )
    for title, draw, caption in drawn:
        figure = draw(records)
        if figure is not None:
            yield f"<h2>{title}</h2>"
            yield picture(figure, caption)


def _replays(records: Sequence[Record]) -> Iterator[str]:
    """Schedulers over time."""
    lines = [
        [
            Cell(name),
            number(str(count), count),
            number(times(mean.value), mean.value),
            Cell(between(mean, times)),
            number(times(span.value), span.value),
        ]
        for name, count, mean, span in replay_rows(records)
    ]
    if lines:
        yield "<h2>Over time</h2>"
        yield table(("scheduler", "traces", "mean completion", "95 %", "makespan"), lines, "replays")
        yield '<p class="note">Geometric means of ratios to the first scheduler on the same trace; less is better.</p>'


def _figures(records: Sequence[Record]) -> Iterator[str]:
    """One card a published figure."""
    cards = [_card(record) for record in records if record.get("published")]
    if cards:
        yield "<h2>Published figures, reproduced</h2>"
        yield '<div class="grid">' + "\n".join(cards) + "</div>"


def _card(record: Record) -> str:
    published, state = record["published"], verdict(record)
    ours = "none" if record["value"] is None else words.number(record["value"])
    differs = f"<p>What differs: {escape(published['differs'])}</p>" if published.get("differs") else ""
    reason = (
        f"<p>{escape(record['reason'].splitlines()[0])}</p>" if record["value"] is None and record["reason"] else ""
    )
    colour, bar = STATES.get(state, "open"), "at least " if published.get("at_least") else ""
    return (
        f'<div class="card {colour}"><h3>{escape(record["system"])}: {escape(record["title"])}</h3>'
        f'<b>{ours}</b> <span class="{colour}">{escape(state)}</span>'
        f"<p>published {bar}{words.number(published['value'])}, tolerance {words.number(published['tolerance'])}</p>"
        f"<p>{escape(published['source'])}</p>{differs}{reason}</div>"
    )


def _runs(records: Sequence[Record]) -> Iterator[str]:
    """Every run: the instance, the certificate, seconds and memory, the audit."""
    heads = (
        *("suite", "instance", "seed", "size", "question", "method", "status", "value", "bound", "gap"),
        *("certificate", "audit", "build s", "solve s", "judge s", "MiB"),
    )
    lines = [_run(record) for record in records]
    if lines:
        yield "<h2>Every run</h2>"
        yield table(heads, lines, "runs", filters=True)
        yield (
            '<p class="note">The certificate opens at a click: unit, fingerprint of the instance, every check, and whose bound '
            "it is, proved (recomputed by the judge) or claimed (by the method). Seconds are taken inside the "
            "process, after a warm-up where the suite asks for one; MiB is the largest resident size of the process, libraries "
            "included.</p>"
        )


def _run(record: Record) -> list[Cell]:
    what = record.get("instance_of") or {}
    size = what.get("size")
    value, bound = ("" if record[name] is None else words.number(record[name]) for name in ("value", "bound"))
    return [
        Cell(record["suite"]),
        Cell(record["instance"]),
        number(str(record["seed"]), record["seed"]),
        number(" x ".join(map(str, size)) if size else "", math.prod(size) if size else None),
        Cell(record["question"]),
        Cell(record["method"]),
        _status(record),
        number(value, record["value"]),
        number(bound, record["bound"]),
        number("" if record["gap"] is None else words.gap(record["gap"]), record["gap"]),
        _folded(_certificate(record)),
        _folded([f"{f['title']}: {VERDICTS[f['holds']]}{_many(f['count'])}" for f in record.get("audit") or []]),
        *(_seconds(record.get(name)) for name in ("build_s", "solve_s", "judge_s")),
        number(f"{record['peak_mib']:.0f}" if record.get("peak_mib") else "", record.get("peak_mib")),
    ]


def _seconds(value: float | None) -> Cell:
    return number("" if value is None else f"{value:.2g}", value)


def _many(count: int) -> str:
    return f" ({words.count(count, 'job')})" if count else ""


def _status(record: Record) -> Cell:
    colour = {"optimal": "good", "bounded": "open", "feasible": "open"}.get(record["status"], "bad")
    text = f'<span class="{colour}">{escape(record["status"])}</span>'
    if record["reason"] and record["value"] is None:
        text = f'<details><summary class="{colour}">{escape(record["status"])}</summary>'
        text += f'<div class="more">{escape(record["reason"])}</div></details>'
    return Cell(record["status"], html=text)


def _certificate(record: Record) -> list[str]:
    """Which instance it was, the checks of the answer, and what its bound is worth."""
    fingerprint = (record.get("instance_of") or {}).get("fingerprint")
    lines = [f"instance {fingerprint}"] if fingerprint else []
    for check in record.get("checks") or []:
        kept = "kept" if check["passed"] else "broken"
        lines.append(f"{check['name']}: {kept}, residual {check['residual'] or 0.0:.1e} of {check['limit']:.0e}")
    if record["bound"] is not None and record["gap"] is not None:
        kind = record.get("bound_kind")
        unit = f" {record['unit']}" if record.get("unit") else ""
        lines.append(f"bound {record['bound']!r} ({kind}), value {record['value']!r}{unit}, gap {record['gap']:.1e}")
    return lines


def _folded(lines: Sequence[str]) -> Cell:
    if not lines:
        return Cell("")
    listed = "<br>".join(map(escape, lines))
    return Cell("", html=f'<details><summary>{len(lines)}</summary><div class="more">{listed}</div></details>')
