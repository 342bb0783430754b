"""Jobs and rates as one table: a matrix (a row a job, a column an accelerator) or tidy (a row a measurement).

Matrix:   job,scale_factor,weight,v100,p100       Tidy:   job,accelerator,throughput,scale_factor,weight
          a,1,1.0,11.4,9.1                                 a,v100,11.4,1,1.0
          b,2,5.0,7.8,                                     a,p100,9.1,1,1.0

Profiles: workload,scale_factor,accelerator,throughput  (tidy, no job column: a row a measured (workload, scale factor))

The job columns of the native file are recognised by name and optional. An empty rate is unknown, 0 is "cannot run".
Everything is array work on columns; a million rows take seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.errors import InputError, UnknownName, closest
from gavelopt.io.frames import numbers, texts
from gavelopt.io.training import JOB_DEFAULTS, JOB_TEXTS
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.profiles import ThroughputProfiles
from gavelopt.model.throughput import ThroughputTable

if TYPE_CHECKING:
    import pandas as pd

JOB_COLUMNS = ("job", *JOB_TEXTS, *JOB_DEFAULTS)
MEASURED = ("accelerator", "throughput")


def is_tidy(frame: pd.DataFrame) -> bool:
    """Whether a row is one measurement."""
    return all(column in frame.columns for column in MEASURED)


def is_profiles(frame: pd.DataFrame) -> bool:
    """Whether the table measures workloads and names no jobs."""
    return is_tidy(frame) and "workload" in frame.columns and "job" not in frame.columns


def instance_from_frame(
    frame: pd.DataFrame, cluster: Cluster, *, unit: str = "steps/s", source: str | None = None
) -> Instance:
    """The instance in a matrix or tidy DataFrame (see the head of this file), on the accelerators of ``cluster``.

    Raises:
        InputError: as ``table_from_frame``; an accelerator of the cluster that the table does not measure.
    """
    jobs, table = table_from_frame(frame, cluster.accelerators, unit=unit, source=source)
    refuse_unmeasured(cluster, table.accelerators)
    spare = [name for name in table.accelerators if name not in cluster.accelerators]
    note = f"accelerator(s) that the cluster does not have were left out: {', '.join(spare)}"
    return Instance(cluster, jobs, table.select(cluster.accelerators), notes=(note,) if spare else ())


def refuse_unmeasured(cluster: Cluster, measured: Labels) -> None:
    """Raise UnknownName for an accelerator of the cluster that nobody measured."""
    for name in cluster.accelerators:
        if name not in measured:
            raise UnknownName.among("accelerator", name, measured, where="the cluster")


def table_from_frame(
    frame: pd.DataFrame, expected: Iterable[str] = (), *, unit: str = "steps/s", source: str | None = None
) -> tuple[JobSet, ThroughputTable]:
    """The jobs and all rates in a matrix or tidy DataFrame.

    ``expected`` accelerators are never taken for a misspelt job column.

    Raises:
        InputError: a column that is neither known nor an accelerator, a cell that is no number, a job measured twice
            on one accelerator, a job column that differs within one job.
    """
    if "job" not in frame.columns:
        columns = [str(name) for name in frame.columns]
        close = closest("job", columns) or next(iter(columns), None)
        raise InputError(
            "the table has no column 'job'",
            seen=", ".join(columns[:12]) or "no columns",
            fix=f"does {close!r} name the jobs? rename it to 'job'" if close else None,
        )
    jobs, rates, types = _tidy(frame) if is_tidy(frame) else _matrix(frame, set(expected))
    return jobs, ThroughputTable(rates, jobs.names, types, unit=unit, source=source)


def jobs_from_frame(frame: pd.DataFrame) -> JobSet:
    """The job set in a DataFrame of job columns; without a column ``job`` the jobs are j0, j1, ..."""
    for name in map(str, frame.columns):
        if name not in JOB_COLUMNS:
            raise UnknownName.among("job column", name, JOB_COLUMNS)
    return _job_set(frame, _names(frame) if "job" in frame.columns else len(frame))


def profiles_from_frame(frame: pd.DataFrame, *, unit: str = "steps/s", source: str | None = None) -> ThroughputProfiles:
    """Profiles from a tidy DataFrame workload, [scale_factor,] accelerator, throughput [, source]."""
    import pandas as pd

    known = ("workload", "scale_factor", *MEASURED, "source")
    for name in map(str, frame.columns):
        if name not in known:
            raise UnknownName.among("column", name, known)
    names, workload = _axis(frame, "workload", "workload")
    gangs, gang = np.unique(_scales(frame), return_inverse=True)
    row, distinct = pd.factorize(workload * len(gangs) + gang)
    keys = [(names[code // len(gangs)], int(gangs[code % len(gangs)])) for code in distinct]
    types, column = _axis(frame, "accelerator", "accelerator")
    rates = _spread(frame, row, column, [f"{name} x{scale}" for name, scale in keys], types)
    return ThroughputProfiles(keys, Labels(types, "accelerator"), rates, unit, source)


def _matrix(frame: pd.DataFrame, expected: set[str]) -> tuple[JobSet, FloatArray, list[str]]:
    types = [str(name) for name in frame.columns if name not in JOB_COLUMNS]
    for name in types:
        if name not in expected and closest(name, JOB_COLUMNS):
            raise UnknownName.among("column", name, [*JOB_COLUMNS, *sorted(expected)])
    jobs = _job_set(frame, _names(frame))
    rates = np.column_stack([_column(frame, name) for name in types]) if types else np.zeros((len(jobs), 0))
    return jobs, rates, types


def _tidy(frame: pd.DataFrame) -> tuple[JobSet, FloatArray, list[str]]:
    for name in map(str, frame.columns):
        if name not in (*JOB_COLUMNS, *MEASURED):
            raise UnknownName.among("column", name, (*JOB_COLUMNS, *MEASURED))
    names, row = _axis(frame, "job", "job")
    types, column = _axis(frame, "accelerator", "accelerator")
    first = np.full(len(names), len(row), dtype=np.int64)
    np.minimum.at(first, row, np.arange(len(row)))
    _refuse_changing(frame, names, row, first)
    jobs = _job_set(frame, Labels(names, "job"), first)
    return jobs, _spread(frame, row, column, names, types), types


def _axis(frame: pd.DataFrame, column: str, noun: str) -> tuple[list[str], IntArray]:
    """The distinct names of a column in order of first appearance, and the position of each row's name."""
    import pandas as pd

    code, names = pd.factorize(frame[column].astype(object))
    if (code < 0).any():
        raise InputError(
            f"{noun} name must be a non-empty string",
            where=f"column {column}, line {int(np.argmax(code < 0)) + 1 + _header_lines(frame)}",
            fix="give it a name",
        )
    return [str(name) for name in names], np.asarray(code, dtype=np.int64)


def _spread(frame: pd.DataFrame, row: IntArray, column: IntArray, rows: list[str], types: list[str]) -> FloatArray:
    """(rows, types) the measurements of a tidy table in their cells, NaN where there is none."""
    cell = row * len(types) + column
    order = np.argsort(cell, kind="stable")
    twice = np.flatnonzero(np.diff(cell[order]) == 0)
    if len(twice):
        one, other = sorted(order[twice[0] : twice[0] + 2])
        raise InputError(
            f"{rows[row[one]]!r} is measured twice on {types[column[one]]!r}",
            where=f"lines {one + 1 + _header_lines(frame)} and {other + 1 + _header_lines(frame)}",
            rule="one row for every measurement",
            fix="remove one of them",
        )
    rates = np.full(len(rows) * len(types), np.nan)
    rates[cell] = _column(frame, "throughput")
    return rates.reshape(len(rows), len(types))


def _refuse_changing(frame: pd.DataFrame, names: list[str], row: IntArray, first: IntArray) -> None:
    """A job's own columns must say the same in each of its rows."""
    for name in JOB_COLUMNS[1:]:
        if name not in frame.columns:
            continue
        cells = frame[name].astype(object).where(frame[name].notna(), "").to_numpy()
        differs = cells != cells[first][row]
        if differs.any():
            at = int(np.argmax(differs))
            raise InputError(
                f"{name} of job {names[row[at]]!r} differs between its rows",
                where=f"lines {first[row[at]] + 1 + _header_lines(frame)} and {at + 1 + _header_lines(frame)}",
                seen=f"{cells[first[row[at]]]} and {cells[at]}",
                rule="the columns of a job are the same in each of its rows",
            )


def _job_set(frame: pd.DataFrame, names: Any, rows: IntArray | slice = slice(None)) -> JobSet:
    """The jobs in the job columns, at the given ``rows``: the first of each job in a tidy table."""
    columns: dict[str, Any] = {name: texts(frame.iloc[rows], name) for name in JOB_TEXTS if name in frame.columns}
    for name, default in JOB_DEFAULTS.items():
        if name in frame.columns:
            values = _column(frame, name)[rows]
            columns[name] = values if default is None else np.where(np.isnan(values), default, values)
    return JobSet(names, **columns)


def _names(frame: pd.DataFrame) -> Labels:
    return Labels([name or "" for name in texts(frame, "job")], "job")


def _scales(frame: pd.DataFrame) -> IntArray:
    if "scale_factor" not in frame.columns:
        return np.ones(len(frame), dtype=np.int64)
    scale = _column(frame, "scale_factor")
    wrong = ~((scale >= 1) & (scale == np.rint(scale)))
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InputError(
            "scale_factor must be whole and at least 1",
            where=f"line {at + 1 + _header_lines(frame)}",
            seen=float(scale[at]),
        )
    return np.asarray(scale, dtype=np.int64)


def _column(frame: pd.DataFrame, column: str) -> FloatArray:
    label = "job" if "job" in frame.columns else "workload" if "workload" in frame.columns else None
    who = (f"{label} {name!r}" for name in frame[label]) if label else (f"row {at + 1}" for at in range(len(frame)))
    return numbers(frame, column, who, _header_lines(frame))


def _header_lines(frame: pd.DataFrame) -> int:
    return int(frame.attrs.get("header_lines", 1))
