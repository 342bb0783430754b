"""The demand: one row a job, in columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, IntArray, positions, vector, whole

OPTIONAL = ("steps", "deadline_s")  # columns that may be unknown, job by job or all


@dataclass(frozen=True, eq=False)
class JobSet:
    """J jobs in columns; every column is a read-only (J,) array.

    Args:
        names: unique names, or a number of jobs (then j0, j1, ...).
        workload: what each job runs, the key into profiled tables; None where rates are given by job.
        scale_factor: accelerators a job holds at once (its gang), whole, >= 1. Default 1.
        weight: priority weight > 0; a job of weight 5 is meant to get five times as much. Default 1.
        steps: steps left, >= 0; None or NaN where unknown.
        arrival_s: when the job arrives, seconds. Default 0.
        elapsed_s: seconds since the job arrived. Default 0.
        isolated_elapsed_s: time the work done so far would have taken on an isolated share, seconds. Default 0.
        deadline_s: seconds from now until the job must be done; NaN for none.
        entity: name of the team that owns each job, or None.

    Raises:
        InputError: a wrong shape, a value out of range (named by job), a duplicate name.
    """

    names: Labels
    scale_factor: IntArray
    weight: FloatArray
    steps: FloatArray | None
    arrival_s: FloatArray
    elapsed_s: FloatArray
    isolated_elapsed_s: FloatArray
    deadline_s: FloatArray | None
    workload: tuple[str | None, ...] | None
    entity: tuple[str | None, ...] | None

    def __init__(
        self,
        names: Iterable[str] | int,
        *,
        workload: Sequence[str | None] | None = None,
        scale_factor: object = None,
        weight: object = None,
        steps: object = None,
        arrival_s: object = None,
        elapsed_s: object = None,
        isolated_elapsed_s: object = None,
        deadline_s: object = None,
        entity: Sequence[str | None] | None = None,
    ) -> None:
        labels = _labels(names)
        count = len(labels)
        put = object.__setattr__
        put(self, "names", labels)
        given = (scale_factor, weight, steps, arrival_s, elapsed_s, isolated_elapsed_s, deadline_s)
        for column, values in zip(self.COLUMNS, given, strict=True):
            found = None if values is None and column in OPTIONAL else checked_column(column, values, labels)
            put(self, column, _unless_empty(column, found))
        put(self, "workload", _texts(workload, count, "workload"))
        put(self, "entity", _texts(entity, count, "entity"))

    def __len__(self) -> int:
        return len(self.names)

    COLUMNS = ("scale_factor", "weight", "steps", "arrival_s", "elapsed_s", "isolated_elapsed_s", "deadline_s")

    @classmethod
    def trusted(cls, names: Labels, columns: Mapping[str, IntArray | FloatArray]) -> JobSet:
        """The jobs of read-only columns that ``checked_column`` has seen, all of them given; nothing is checked again."""
        jobs = cls.__new__(cls)
        put = object.__setattr__
        for field, values in (("names", names), ("workload", None), ("entity", None)):
            put(jobs, field, values)
        for column in cls.COLUMNS:
            put(jobs, column, _unless_empty(column, columns[column]))
        return jobs

    def take(self, rows: object) -> JobSet:
        """The jobs at the given positions (or where a boolean mask holds), in that order."""
        at = positions(len(self), rows)
        columns = {name: None if getattr(self, name) is None else getattr(self, name)[at] for name in self.COLUMNS}
        texts = {
            name: None if getattr(self, name) is None else [getattr(self, name)[i] for i in at]
            for name in ("workload", "entity")
        }
        return JobSet([self.names[i] for i in at], **columns, **texts)

    def __repr__(self) -> str:
        return f"JobSet({len(self)} jobs)"


def _labels(names: Iterable[str] | int) -> Labels:
    if isinstance(names, Labels):
        return names
    if isinstance(names, (int, np.integer)):
        if names < 0:
            raise InputError("number of jobs out of range", seen=int(names), rule=">= 0")
        return Labels.numbered("j", int(names), "job")
    return Labels(names, "job")


def checked_column(name: str, values: object, labels: Labels) -> Any:
    """A column of JobSet as a read-only (J,) array, None for its default. Raises InputError for what its rules forbid."""
    count, optional = len(labels), name in OPTIONAL
    if name == "scale_factor":
        return whole(values, count, name, labels)
    strict, default = name in ("weight", "deadline_s"), 1.0 if name == "weight" else 0.0
    return vector(values, count, name, labels, strict=strict, missing=optional, default=default)


def _unless_empty(column: str, values: Any) -> Any:
    """An optional column of which nothing is known is none."""
    if column not in OPTIONAL or values is None or not len(values):
        return values
    return None if np.isnan(values[0]) and np.isnan(values).all() else values


def _texts(values: Sequence[str | None] | None, count: int, what: str) -> tuple[str | None, ...] | None:
    if values is None:
        return None
    texts = tuple(values)
    if len(texts) != count:
        raise InputError(f"{what} has the wrong length", seen=len(texts), rule=f"one a job: {count}")
    for position, text in enumerate(texts):
        if text is not None and not (isinstance(text, str) and text):
            raise InputError(
                f"{what} must be a name",
                where=f"job number {position + 1}",
                seen=repr(text),
                rule="a non-empty string, or null for none",
            )
    return None if all(text is None for text in texts) else texts
