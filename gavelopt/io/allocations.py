"""Who held what, from a file: an allocation that gavelopt did not make, to be audited.

Matrix:   job,v100,p100        Tidy:   job,accelerator,fraction      or    job,accelerator,held
          a,0.5,0.25                   a,v100,0.5                          a,v100,1.0
          b,,1.0                       a,p100,0.25                         b,p100,2.0

``fraction`` is the part of wall-clock time that the job's whole gang has the type; ``held`` the number of accelerators that
it has on average, so fraction = held / scale factor. What is not named holds nothing. CSV, TSV or Parquet.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gavelopt.errors import InputError, UnknownName, did_you_mean
from gavelopt.io.frames import numbers, read_frame, texts
from gavelopt.model.allocation import DERIVED, Allocation
from gavelopt.model.instance import Instance

if TYPE_CHECKING:
    import pandas as pd

AMOUNTS = ("fraction", "held")


def read_allocation(path: str | Path, instance: Instance) -> Allocation:
    """The allocation in a table (see the head of this file) over the jobs and types of ``instance``.

    Feasibility is not asked here: the audit's checks report it.

    Raises:
        InputError: naming file and line: an unknown job, type or column, a row that stands twice, a cell that is no number.
    """
    file = Path(path)
    frame, _ = read_frame(file)
    try:
        return Allocation.from_frame(instance, matrix_from_frame(frame, instance))
    except InputError as error:
        raise error.at(str(file)) from None


def matrix_from_frame(frame: pd.DataFrame, instance: Instance) -> pd.DataFrame:
    """Fractions of time, index the jobs, columns the types, NaN where a row or a cell is missing."""
    if "job" not in frame.columns:
        raise InputError(
            "the table has no column 'job'",
            seen=", ".join(map(str, frame.columns[:12])),
            fix=did_you_mean("job", map(str, frame.columns)) or "name the column of job names 'job'",
        )
    return _tidy(frame, instance) if "accelerator" in frame.columns else _matrix(frame, instance)


def _matrix(frame: pd.DataFrame, instance: Instance) -> pd.DataFrame:
    import pandas as pd

    known = [*instance.cluster.accelerators, *DERIVED]
    names = [name or "" for name in texts(frame, "job")]
    lines = [f"job {name!r}" for name in names]
    cells = {}
    for column in map(str, frame.columns):
        if column == "job":
            continue
        if column not in known:
            raise UnknownName.among("accelerator", column, instance.cluster.accelerators)
        cells[column] = numbers(frame, column, lines, _header_lines(frame))
    return pd.DataFrame(cells, index=pd.Index(names, dtype=object))


def _tidy(frame: pd.DataFrame, instance: Instance) -> pd.DataFrame:
    amounts = [name for name in AMOUNTS if name in frame.columns]
    if len(amounts) != 1:
        raise InputError(
            "a tidy allocation needs one column that says how much",
            seen=", ".join(map(str, frame.columns[:12])),
            rule="job, accelerator, and fraction (of time) or held (accelerators on average)",
        )
    for column in map(str, frame.columns):
        if column not in ("job", "accelerator", *AMOUNTS):
            raise UnknownName.among("column", column, ("job", "accelerator", *AMOUNTS))
    header = _header_lines(frame)
    names, types = ([name or "" for name in texts(frame, column)] for column in ("job", "accelerator"))
    who = [f"job {name!r} on {place!r}" for name, place in zip(names, types, strict=True)]
    values = numbers(frame, amounts[0], who, header)
    first: dict[tuple[str, str], int] = {}
    for line, key in enumerate(zip(names, types, strict=True), header + 1):
        if key in first:
            raise InputError(
                f"job {key[0]!r} stands twice on {key[1]!r}",
                where=f"lines {first[key]} and {line}",
                rule="one row for every job and accelerator",
            )
        first[key] = line
    rows = [instance.jobs.names.index(name) for name in names]
    columns = [instance.cluster.accelerators.index(place) for place in types]
    if amounts[0] == "held":
        values = values / instance.jobs.scale_factor[rows]
    return _frame(instance, rows, columns, values)


def _frame(instance: Instance, rows: list[int], columns: list[int], values: object) -> pd.DataFrame:
    import pandas as pd

    matrix = np.full((len(instance.jobs), len(instance.cluster)), np.nan)
    matrix[rows, columns] = values
    return pd.DataFrame(matrix, index=list(instance.jobs.names), columns=list(instance.cluster.accelerators))


def _header_lines(frame: pd.DataFrame) -> int:
    return int(frame.attrs.get("header_lines", 1))
