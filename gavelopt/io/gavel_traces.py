"""Gavel's job traces, tab separated and without a header, in three dialects told apart by the number of columns.

     7 (the older Philly-like ones)  job type, command, steps argument, needs data, total steps, ARRIVAL, SCALE FACTOR
    10 (Gavel)      job type, command, directory, steps argument, needs data, total steps, scale factor, weight, SLO, arrival
    12 (Shockwave)  ... total steps, scale factor, MODE, weight, SLO, DURATION, arrival

Beware of the oldest: its last column is the scale factor, not the time. An SLO of -1 is none; another one is a multiple of
the job's duration, so the deadline is arrival + SLO x duration. The 10-column dialect has no durations: there they are
steps / rate on the reference accelerator of a throughput table.

Mode says that Shockwave's job changes its batch size while it runs (``accordion``, ``gns``). A JobSet holds one rate a job:
such jobs are read as static ones, which ``GavelTrace.notes`` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.io.documents import read_text
from gavelopt.model.arrays import FloatArray
from gavelopt.model.jobs import JobSet
from gavelopt.model.profiles import ThroughputProfiles

DIALECTS: dict[int, tuple[str, ...]] = {
    7: ("job type", "command", "steps argument", "needs data", "total steps", "arrival", "scale factor"),
    10: (
        *("job type", "command", "directory", "steps argument", "needs data"),
        *("total steps", "scale factor", "weight", "SLO", "arrival"),
    ),
    12: (
        *("job type", "command", "directory", "steps argument", "needs data"),
        *("total steps", "scale factor", "mode", "weight", "SLO", "duration", "arrival"),
    ),
}
MODES = ("static", "accordion", "gns")
REFERENCE = "v100"  # Gavel's durations are seconds on this type


@dataclass(frozen=True, eq=False)
class GavelTrace:
    """A trace as written: its jobs without deadlines, and the columns that a JobSet has no place for.

    lines: (J,) file:line of each job. duration_s: (J,) seconds each job is said to run, or None; mode: (J,) static,
    accordion or gns, or None; slo: (J,) largest allowed completion time as a multiple of the duration, NaN for none.
    """

    jobs: JobSet
    columns: int
    lines: tuple[str, ...]
    duration_s: FloatArray | None
    mode: tuple[str, ...] | None
    slo: FloatArray

    @property
    def notes(self) -> tuple[str, ...]:
        """What is lost when the jobs are taken without the rest."""
        changing = sum(mode != "static" for mode in self.mode or ())
        if not changing:
            return ()
        return (f"{changing} job(s) change their batch size while running (accordion, gns): read as if they did not",)

    def with_deadlines(self, throughputs: ThroughputProfiles | None = None) -> JobSet:
        """The jobs with deadline arrival + SLO x duration, for those that have an SLO.

        Raises:
            InputError: an SLO, and neither a column of durations nor throughputs to take them from.
        """
        jobs, limited = self.jobs, ~np.isnan(self.slo)
        if not limited.any():
            return jobs
        duration = self.duration_s
        if duration is None:
            if throughputs is None:
                first = int(np.argmax(limited))
                raise InputError(
                    f"an SLO of {self.slo[first]:g} durations, but a trace of {self.columns} columns has no durations",
                    where=self.lines[first],
                    fix=f"give throughputs: durations are then steps / rate on {REFERENCE}",
                )
            duration = np.full(len(jobs), np.nan)
            duration[limited] = _durations(jobs.take(limited), throughputs)
        columns = {name: getattr(jobs, name) for name in ("workload", *JobSet.COLUMNS) if name != "deadline_s"}
        return JobSet(jobs.names, **columns, deadline_s=jobs.arrival_s + self.slo * duration)


def read_gavel_trace(path: str | Path, *, throughputs: ThroughputProfiles | None = None) -> JobSet:
    """The jobs of a trace: j0, j1, ... in its order, with workload, steps, scale factor, weight, arrival and deadline.

    Args:
        path: the trace, of any of the three dialects.
        throughputs: only for a 10-column trace with SLOs, whose durations are steps / rate on v100.

    Raises:
        InputError: naming file:line, for a wrong number of columns, a cell that is no number, an arrival before the
            one above it, an SLO without a duration.
    """
    return parse_gavel_trace(path).with_deadlines(throughputs)


def parse_gavel_trace(path: str | Path) -> GavelTrace:
    """The trace with the columns that a JobSet has no place for; see ``read_gavel_trace``."""
    file = Path(path)
    lines = enumerate(read_text(file).split("\n"), 1)
    rows = [(number, line.rstrip("\r").split("\t")) for number, line in lines if line.strip()]
    names = _dialect(file, rows)
    column = {name: _Column(file, name, [(number, row[at]) for number, row in rows]) for at, name in enumerate(names)}
    column["needs data"].among(("0", "1"))
    arrival = column["arrival"].numbers(minimum=0)
    _refuse_going_back(file, rows, arrival)
    jobs = JobSet(
        len(rows),
        workload=column["job type"].texts(),
        steps=column["total steps"].numbers(minimum=0),
        scale_factor=column["scale factor"].numbers(minimum=1, whole=True),
        weight=column["weight"].numbers(above=0) if "weight" in column else None,
        arrival_s=arrival,
    )
    slo = column["SLO"].numbers() if "SLO" in column else np.full(len(rows), -1.0)
    return GavelTrace(
        jobs,
        len(names),
        tuple(f"{file}:{number}" for number, _ in rows),
        column["duration"].numbers(minimum=0) if "duration" in column else None,
        column["mode"].among(MODES) if "mode" in column else None,
        np.where(slo < 0, np.nan, slo),
    )


def _durations(jobs: JobSet, throughputs: ThroughputProfiles) -> FloatArray:
    """(J,) seconds each job would run on the reference accelerator, NaN where it cannot."""
    _, table, _ = throughputs.for_jobs(jobs, [REFERENCE])
    assert jobs.steps is not None
    return np.asarray(jobs.steps / np.where(table.rates[:, 0] > 0, table.rates[:, 0], np.nan))


Rows = Sequence[tuple[int, list[str]]]


def _dialect(file: Path, rows: Rows) -> tuple[str, ...]:
    """The column names of the dialect that all rows share."""
    if not rows:
        raise InputError("the trace has no jobs", where=str(file))
    first, width = rows[0][0], len(rows[0][1])
    known = ", ".join(map(str, DIALECTS))
    if width not in DIALECTS:
        raise InputError(
            f"a trace line has {width} column(s)",
            where=f"{file}:{first}",
            seen="\t".join(rows[0][1])[:80],
            rule=f"{known} columns separated by tabs",
        )
    for number, row in rows:
        if len(row) != width:
            raise InputError(
                f"the line has {len(row)} columns where line {first} has {width}",
                where=f"{file}:{number}",
                seen="\t".join(row)[:80],
                rule=f"one dialect a file: {known} columns separated by tabs",
            )
    return DIALECTS[width]


@dataclass(frozen=True)
class _Column:
    """One column with the line of each cell, so that a wrong cell is named file:line."""

    file: Path
    name: str
    cells: Sequence[tuple[int, str]]

    def numbers(self, *, minimum: float | None = None, above: float | None = None, whole: bool = False) -> FloatArray:
        return np.array(
            [self._number(line, cell, minimum, above, whole) for line, cell in self.cells], dtype=np.float64
        )

    def _number(self, line: int, cell: str, minimum: float | None, above: float | None, whole: bool) -> float:
        try:
            number = float(cell)
        except ValueError:
            number = np.nan
        inside = np.isfinite(number) and (minimum is None or number >= minimum) and (above is None or number > above)
        if not inside or (whole and number != round(number)):
            limit = f" >= {minimum:g}" if minimum is not None else f" > {above:g}" if above is not None else ""
            raise InputError(
                f"{self.name} must be a {'whole' if whole else 'finite'} number{limit}",
                where=f"{self.file}:{line}",
                seen=repr(cell),
            )
        return number

    def texts(self) -> tuple[str, ...]:
        for line, cell in self.cells:
            if not cell.strip():
                raise InputError(f"{self.name} is empty", where=f"{self.file}:{line}")
        return tuple(cell.strip() for _, cell in self.cells)

    def among(self, choices: Sequence[str]) -> tuple[str, ...]:
        for line, cell in self.cells:
            if cell.strip() not in choices:
                raise UnknownName.among(self.name, cell, choices, where=f"{self.file}:{line}")
        return tuple(cell.strip() for _, cell in self.cells)


def _refuse_going_back(file: Path, rows: Rows, arrival: FloatArray) -> None:
    back = np.flatnonzero(np.diff(arrival) < 0)
    if len(back):
        at = int(back[0]) + 1
        raise InputError(
            "a job arrives before the one above it",
            where=f"{file}:{rows[at][0]}",
            seen=f"{arrival[at]:g} s after {arrival[at - 1]:g} s",
            rule="arrivals in order",
            fix="sort the trace by arrival; in the 7-column dialect the last column is the scale factor",
        )
