"""Batch latency profiles from files: Nexus's text in both its forms, and CSV.

Nexus, one file for one model on one GPU type, latencies in microseconds:

    old form                                     new form
    caffe:vgg16:1                                caffe:vgg16:1
    TITAN_X_(Pascal)                             TITAN_X_(Pascal)
    Forward latency                              GPU-5e8a... (the card, or "generic")
    batch,latency(us),std(us),memory(B)          Forward latency
    1,6277.4,22.35,949944320                     batch,latency(us),std(us),memory(B),repeat
    ...                                          1,6277.4,22.35,949944320,30  ...
    Preprocess latency                           Preprocess latency (mean,std,repeat)
    mean(us),std(us)                             3306.44,1535.62,100
    3306.44,1535.62                              Postprocess latency (mean,std,repeat)
    Postprocess latency  ...                     1.40,1.36,100

The form is told by where the header stands. Files of one model on one GPU type (several cards) are merged, means weighted
by ``repeat``. CSV has a row a batch with the columns model, accelerator, batch, latency_ms (or latency_us) and, if known,
std_ms (std_us), memory_gib (memory_bytes).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.io.documents import ending, named, read_text
from gavelopt.model.arrays import FloatArray
from gavelopt.model.latency import US_PER_MS, BatchProfile
from gavelopt.model.packing import GIB

HEADER = "batch,latency(us),std(us),memory(B)"


def read_batch_profiles(path: str | Path, accelerator: str | None = None) -> list[BatchProfile]:
    """The profiles in a file (.txt of Nexus, .csv), or in all such files of a folder.

    Args:
        accelerator: what to call the GPU type; by default as the files do.

    Raises:
        InputError: no such file, a line that is no number, a missing column, two files that do not agree on the batches.
    """
    place = Path(path)
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    measured: list[Measured] = []
    for file in files:
        form = ending(file)
        if form not in (".txt", ".csv"):
            if place.is_dir():
                continue
            raise UnknownName.among("file ending", form or file.name, (".txt", ".csv"))
        with named(file):
            text = read_text(file)
            measured += [_nexus(text.splitlines())] if form == ".txt" else _table(text)
    together: dict[tuple[str, str], list[Measured]] = {}
    for one in measured:
        together.setdefault((one.model, accelerator or one.accelerator), []).append(one)
    return [_merged(model, name, group) for (model, name), group in together.items()]


@dataclass(frozen=True, eq=False)
class Measured:
    """One file's measurements in microseconds and bytes; NaN where a column is absent.

    rows: (n, 4) batch, mean, std, memory; repeat: (n,) measurements behind each mean.
    """

    model: str
    accelerator: str
    rows: FloatArray
    repeat: FloatArray
    preprocess_us: float = 0.0
    postprocess_us: float = 0.0


def _nexus(lines: Sequence[str]) -> Measured:
    head = next((at for at, line in enumerate(lines[:6]) if line.replace(" ", "").startswith(HEADER)), None)
    if head not in (3, 4):
        raise InputError(
            "not a Nexus profile", seen=lines[0][:60] if lines else "an empty file", rule=f"line 4 or 5 is {HEADER}"
        )
    end = next((at for at in range(head + 1, len(lines)) if not lines[at][:1].isdigit()), len(lines))
    width = lines[head].count(",") + 1
    rows = np.array([_numbers(lines[at], at, width) for at in range(head + 1, end)]).reshape(-1, width)
    repeat = rows[:, 4] if width > 4 else np.ones(len(rows))
    before, after = _cpu(lines, end, "Preprocess"), _cpu(lines, end, "Postprocess")
    return Measured(lines[0].strip(), lines[1].strip(), rows[:, :4], repeat, before, after)


def _cpu(lines: Sequence[str], start: int, title: str) -> float:
    """The mean in the first line of numbers after a title, 0 where the title is absent."""
    for at in range(start, len(lines)):
        if lines[at].startswith(title):
            for below in range(at + 1, min(at + 3, len(lines))):
                if lines[below][:1].isdigit():
                    return _numbers(lines[below], below, lines[below].count(",") + 1)[0]
            raise InputError("a title without its numbers", where=f"line {at + 1}", seen=lines[at][:60])
    return 0.0


def _numbers(line: str, at: int, width: int) -> list[float]:
    cells = line.split(",")
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        numbers = []
    if len(numbers) != width:
        raise InputError("cannot read the line", where=f"line {at + 1}", seen=line[:60], rule=f"{width} numbers")
    return numbers


def _table(text: str) -> list[Measured]:
    reader = csv.DictReader(io.StringIO(text))
    columns = reader.fieldnames or ()
    for needed in ("model", "accelerator", "batch"):
        if needed not in columns:
            raise UnknownName.among("column", needed, columns)
    latency = _column(columns, ("latency_ms", US_PER_MS), ("latency_us", 1.0))
    if latency is None:
        raise InputError("no latency column", seen=", ".join(columns), rule="latency_ms or latency_us")
    wanted = (
        ("batch", 1.0),
        latency,
        _column(columns, ("std_ms", US_PER_MS), ("std_us", 1.0)),
        _column(columns, ("memory_gib", GIB), ("memory_bytes", 1.0)),
    )
    found: dict[tuple[str, str], list[list[float]]] = {}
    for row in reader:
        cells = [
            np.nan if column is None else _number(row[column[0]], column[0], reader.line_num) * column[1]
            for column in wanted
        ]
        found.setdefault((row["model"], row["accelerator"]), []).append(cells)
    return [Measured(*key, np.array(rows), np.ones(len(rows))) for key, rows in found.items()]


def _column(columns: Iterable[str], *known: tuple[str, float]) -> tuple[str, float] | None:
    return next((pair for pair in known if pair[0] in columns), None)


def _number(cell: str | None, column: str, line: int) -> float:
    try:
        return float(cell or "")
    except ValueError:
        raise InputError(f"{column} must be a number", where=f"line {line}", seen=repr(cell)) from None


def _merged(model: str, accelerator: str, group: Sequence[Measured]) -> BatchProfile:
    """One profile; several files of one model are averaged, weighted by their repetitions."""
    first = group[0]
    for other in group[1:]:
        if not np.array_equal(np.unique(other.rows[:, 0]), np.unique(first.rows[:, 0])):
            raise InputError(f"two files of {model!r} on {accelerator!r} measure different batches", fix="remove one")
    if len(group) == 1:
        mean, std, memory = first.rows[:, 1], first.rows[:, 2], first.rows[:, 3]
    else:
        weight = np.array([one.repeat for one in group])
        part = weight / weight.sum(axis=0)
        means, stds = np.array([one.rows[:, 1] for one in group]), np.array([one.rows[:, 2] for one in group])
        mean = (part * means).sum(axis=0)
        std = np.sqrt((part * (stds**2 + (means - mean) ** 2)).sum(axis=0))
        memory = np.max([one.rows[:, 3] for one in group], axis=0)
    return BatchProfile(
        model,
        accelerator,
        first.rows[:, 0],
        mean,
        None if np.isnan(memory).any() else memory,
        None if np.isnan(std).any() else std,
        float(np.mean([one.preprocess_us for one in group])),
        float(np.mean([one.postprocess_us for one in group])),
    )
