"""Tables in files: CSV and Parquet to a DataFrame with a small header, and back.

A CSV may start with lines ``# key: value``; a Parquet file keeps the same in its metadata. The keys are ``unit``,
``source``, ``name`` (texts), and ``cluster``, ``entities``, ``notes`` (JSON, as in the native file; a cluster may also
be a specification such as ``v100:36,p100:36``). So a table written by gavelopt says all that it needs to be solved.

An empty cell is "not given". The texts NaN, inf and NA are not numbers here, as they are none in JSON.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.io.documents import GZIP_MAGIC, ending, read_bytes, read_text
from gavelopt.model.arrays import FloatArray

if TYPE_CHECKING:
    import pandas as pd

HEADER_KEYS = ("name", "unit", "source", "cluster", "entities", "notes", "licence")
TABLES = (".csv", ".tsv", ".parquet")
_LINE_END = re.compile(r"[\r\n]+")
_HEADER = re.compile(r"#\s*([a-z_]+): (.*)")


def read_frame(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The table in a CSV, TSV or Parquet file, and its header. Raises InputError naming file and line."""
    return _read_parquet(path) if ending(path) == ".parquet" else _read_csv(path)


def write_frame(frame: pd.DataFrame, path: Path, header: Mapping[str, str] | None = None) -> Path:
    """Write a table with its header; the ending decides. Every float is written so that it reads back the same."""
    header = {key: value for key, value in (header or {}).items() if value}
    if ending(path) == ".parquet":
        frame = frame.copy(deep=False)
        frame.attrs = dict(header)
        _with_parquet(path, lambda: frame.to_parquet(path, index=False))
        return path
    separator = "\t" if ending(path) == ".tsv" else ","
    lines = [f"# {key}: {_LINE_END.sub(' ', value)}\n" for key, value in header.items()]
    text = frame.to_csv(index=False, sep=separator, lineterminator="\n")
    if "\r" in text:  # inside a name; the writer itself quotes \n only
        text = frame.to_csv(index=False, sep=separator, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    content = ("".join(lines) + text).encode("utf-8")
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix.casefold() == ".gz" else content)
    return path


def numbers(frame: pd.DataFrame, column: str, who: Iterable[str], header_lines: int = 1) -> FloatArray:
    """A column as floats, NaN where a cell is empty. ``who`` names each row for the error."""
    cells = frame[column]
    if cells.dtype.kind in "iuf":
        return np.asarray(cells.to_numpy(dtype=np.float64, na_value=np.nan))
    known = cells.notna().to_numpy()
    values = cells.to_numpy(dtype=object, na_value=np.nan)
    try:
        parsed = np.array(values, dtype=np.float64)
        wrong = known & (np.isnan(parsed) | (cells.dtype.kind == "b"))
    except (TypeError, ValueError):
        wrong = np.array([not _is_number(value) for value in values]) & known
    if not wrong.any():
        return parsed
    row = int(np.argmax(wrong))
    raise InputError(
        f"{column} must be a number",
        where=f"{list(who)[row]}, line {row + 1 + header_lines}",
        seen=repr(values[row]),
        rule="a finite number; an empty cell where nothing is known",
    )


def _is_number(value: object) -> bool:
    try:
        return not math.isnan(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def texts(frame: pd.DataFrame, column: str) -> list[str | None]:
    """A column as texts, None where a cell is empty."""
    cells = frame[column]
    return [str(cell) if known else None for cell, known in zip(cells, cells.notna(), strict=True)]


def _read_csv(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Every cell stays text, or None where it is empty; ``numbers`` makes numbers of a column, exactly."""
    import pandas as pd

    lines = read_text(path).split("\n")
    skipped = next((at for at, line in enumerate(lines) if not line.startswith("#") and line.strip()), len(lines))
    header = dict(filter(None, (_header(line, number, path) for number, line in enumerate(lines[:skipped], 1))))
    columns, rows = _cells("\n".join(lines[skipped:]), "\t" if ending(path) == ".tsv" else ",", path, skipped)
    cells = zip(*rows, strict=True) if rows else ((),) * len(columns)
    frame = pd.DataFrame(
        {name: [cell or None for cell in column] for name, column in zip(columns, cells, strict=True)}, dtype=object
    )
    frame.attrs["header_lines"] = skipped + 1
    return frame, header


def _header(line: str, number: int, path: Path) -> tuple[str, str] | None:
    """``# key: value``; other comments are for people."""
    found = _HEADER.match(line.rstrip())
    if not found:
        return None
    key, value = found.groups()
    if key not in HEADER_KEYS:
        raise UnknownName.among("header key", key, HEADER_KEYS, where=f"{path}, line {number}")
    return key, value.strip()


def _cells(body: str, separator: str, path: Path, skipped: int) -> tuple[list[str], list[list[str]]]:
    """The column names and the rows of a table, each row with as many cells as there are columns."""
    reader = csv.reader(io.StringIO(body), delimiter=separator, strict=True)
    rows: list[list[str]] = []
    try:
        columns = [name.strip() for name in next(reader, [])]
        _refuse_columns(columns, f"{path}, line {skipped + 1}")
        for row in reader:
            if row and len(row) != len(columns):
                raise InputError(
                    f"a row has {len(row)} cells",
                    where=f"{path}, line {skipped + reader.line_num}",
                    seen=separator.join(row)[:80],
                    rule=f"{len(columns)} cells: {', '.join(columns[:12])}",
                )
            if row:
                rows.append(row)
    except csv.Error as error:
        raise InputError(f"invalid CSV: {error}", where=f"{path}, line {skipped + reader.line_num}") from error
    return columns, rows


def _refuse_columns(columns: list[str], where: str) -> None:
    repeated = next((name for at, name in enumerate(columns) if name in columns[:at]), None)
    if not columns or repeated is not None or "" in columns:
        raise InputError(
            f"the column {repeated!r} stands twice" if repeated else "a column has no name",
            where=where,
            seen=", ".join(columns)[:80],
            rule="every column has a name of its own",
        )


def _read_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    import pandas as pd

    content = read_bytes(path)
    if content.startswith(GZIP_MAGIC):
        raise InputError(
            "a Parquet file inside gzip", where=str(path), fix="unpack it; Parquet packs its columns itself"
        )
    frame = _with_parquet(path, lambda: pd.read_parquet(io.BytesIO(content)))
    header = {str(key): str(value) for key, value in frame.attrs.items() if key in HEADER_KEYS}
    frame.attrs = {"header_lines": 1}
    if list(frame.columns) != [name for name in frame.columns if isinstance(name, str)]:
        raise InputError("a column has no name", where=str(path), seen=list(frame.columns))
    return frame, header


def _with_parquet(path: Path, use: Any) -> Any:
    """Run ``use``; a missing pyarrow and a damaged file become errors that say so."""
    try:
        import pyarrow
    except ImportError as error:
        raise InputError(
            "Parquet needs the package pyarrow", where=str(path), fix="pip install 'gavelopt[parquet]'"
        ) from error
    try:
        return use()
    except pyarrow.ArrowInvalid as error:
        raise InputError("not a sound Parquet file", where=str(path), seen=str(error)[:120]) from error
