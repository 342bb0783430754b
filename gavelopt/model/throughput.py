"""Profiled throughput: how fast each job runs on each accelerator type, alone or sharing it with another job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.labels import Labels
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray, as_floats, positions, read_only

if TYPE_CHECKING:
    import pandas as pd

UNITS = ("steps/s", "samples/s", "tokens/s", "requests/s")


@dataclass(frozen=True, eq=False)
class PairTable:
    """Rates of two jobs that share accelerators (space sharing).

    members: (P, 2) positions of table rows; the same row twice means two jobs of that row.
    rates:   (P, R, 2) throughput of the first and the second member on each type, NaN where unknown.
    """

    members: IntArray
    rates: FloatArray

    def __init__(self, members: object, rates: object, rows: int, accelerators: int) -> None:
        pairs = np.array(members, dtype=np.int64).reshape(-1, 2)
        values = as_floats(rates, "pair rates").reshape(len(pairs), accelerators, 2)
        if len(pairs) and (pairs.min() < 0 or pairs.max() >= rows):
            raise InputError(
                "a pair names a row that is not in the table", seen=pairs.max(), rule=f"rows 0 to {rows - 1}"
            )
        bad = (values < 0) | np.isinf(values)
        if bad.any():
            at = tuple(int(i[0]) for i in np.nonzero(bad))
            raise InputError(
                "pair throughput out of range",
                where=f"pair number {at[0] + 1}",
                seen=float(values[at]),
                rule="a finite number >= 0",
            )
        object.__setattr__(self, "members", read_only(pairs))
        object.__setattr__(self, "rates", read_only(values))

    def __len__(self) -> int:
        return len(self.members)


@dataclass(frozen=True, eq=False)
class ThroughputTable:
    """Rates of J jobs on R accelerator types, for the whole gang.

    Args:
        rates: (J, R) throughput >= 0 in ``unit``; 0 means "cannot run", NaN means "unknown".
            With ``kind``, (K, R): one row a kind of job.
        jobs: names of the J jobs (or their number).
        accelerators: names of the R types.
        kind: (J,) row of ``rates`` that each job follows; None when each job has a row of its own.
        unit: one unit for the whole table: steps/s, samples/s, tokens/s or requests/s.
        source: where the figures come from.
        pairs: rates of co-located rows, for space sharing.

    Raises:
        InputError: a negative or infinite rate (named by job and type), a wrong shape, an unknown unit.
    """

    rows: FloatArray
    known: BoolArray
    jobs: Labels
    accelerators: Labels
    kind: IntArray | None
    unit: str
    source: str | None
    pairs: PairTable | None

    def __init__(
        self,
        rates: object,
        jobs: Iterable[str] | int,
        accelerators: Iterable[str],
        *,
        kind: object = None,
        unit: str = "steps/s",
        source: str | None = None,
        pairs: PairTable | None = None,
    ) -> None:
        labels = _job_labels(jobs)
        types = accelerators if isinstance(accelerators, Labels) else Labels(accelerators, "accelerator")
        if unit not in UNITS:
            raise UnknownName.among("throughput unit", unit, UNITS)
        values = as_floats(rates, "throughput rates")
        if values.size == 0:
            values = (
                values.reshape(-1 if values.ndim == 2 else 0, len(types))
                if len(types)
                else values.reshape(len(labels), 0)
            )
        follows = _kinds(kind, len(labels), len(values))
        expected = len(labels) if follows is None else len(values)
        if values.ndim != 2 or values.shape != (expected, len(types)):
            raise InputError(
                "throughput table has the wrong shape",
                seen=values.shape,
                rule=f"(jobs, accelerators) = ({expected}, {len(types)})",
            )
        unknown = np.isnan(values)
        _refuse_bad(values, unknown, labels, types, follows)
        values[unknown] = 0.0
        put = object.__setattr__
        put(self, "rows", read_only(values))
        put(self, "known", read_only(~unknown))
        put(self, "jobs", labels)
        put(self, "accelerators", types)
        put(self, "kind", follows)
        put(self, "unit", unit)
        put(self, "source", source)
        put(self, "pairs", pairs)

    @classmethod
    def trusted(
        cls, rates: FloatArray, known: BoolArray, jobs: Labels, accelerators: Labels, unit: str, source: str | None
    ) -> ThroughputTable:
        """The table of read-only (J, R) rates, 0 where not known, that have been checked; nothing is checked again."""
        table = cls.__new__(cls)
        fields = {"rows": rates, "known": known, "jobs": jobs, "accelerators": accelerators, "kind": None}
        for field, value in {**fields, "unit": unit, "source": source, "pairs": None}.items():
            object.__setattr__(table, field, value)
        return table

    @cached_property
    def rates(self) -> FloatArray:
        """(J, R) rates, unknown cells as 0 (see ``known``)."""
        return self.rows if self.kind is None else read_only(self.rows[self.kind])

    @cached_property
    def known_cells(self) -> BoolArray:
        """(J, R) True where a rate is known."""
        return self.known if self.kind is None else read_only(self.known[self.kind])

    def select(self, accelerators: Iterable[str]) -> ThroughputTable:
        """The table with the named types only, in that order."""
        names = list(accelerators)
        at = [self.accelerators.index(name) for name in names]
        pairs = self.pairs and PairTable(self.pairs.members, self.pairs.rates[:, at], len(self.rows), len(at))
        return self._with(np.where(self.known, self.rows, np.nan)[:, at], self.jobs, names, self.kind, pairs)

    def take(self, rows: object) -> ThroughputTable:
        """The table of the jobs at the given positions; kinds and their pairs are kept as they are."""
        at = positions(len(self.jobs), rows)
        kind = at if self.kind is None else self.kind[at]
        return self._with(
            np.where(self.known, self.rows, np.nan), [self.jobs[i] for i in at], self.accelerators, kind, self.pairs
        )

    def _with(self, rates: object, jobs: Any, types: Any, kind: object, pairs: PairTable | None) -> ThroughputTable:
        return ThroughputTable(rates, jobs, types, kind=kind, unit=self.unit, source=self.source, pairs=pairs)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, *, unit: str = "steps/s", source: str | None = None) -> ThroughputTable:
        """A table from a DataFrame: index the jobs, columns the accelerator types, NaN unknown."""
        return cls(
            frame.to_numpy(dtype=object),
            [str(name) for name in frame.index],
            [str(name) for name in frame.columns],
            unit=unit,
            source=source,
        )

    def to_frame(self) -> pd.DataFrame:
        """A DataFrame of rates, jobs by accelerators, NaN where unknown."""
        import pandas as pd

        return pd.DataFrame(
            np.where(self.known_cells, self.rates, np.nan), index=list(self.jobs), columns=list(self.accelerators)
        )

    def __repr__(self) -> str:
        kinds = "" if self.kind is None else f" of {len(self.rows)} kinds"
        return f"ThroughputTable({len(self.jobs)} jobs{kinds} x {len(self.accelerators)} accelerators, {self.unit})"


def _job_labels(jobs: Iterable[str] | int) -> Labels:
    if isinstance(jobs, Labels):
        return jobs
    return Labels.numbered("j", jobs, "job") if isinstance(jobs, int) else Labels(jobs, "job")


def _kinds(kind: object, jobs: int, rows: int) -> IntArray | None:
    if kind is None:
        return None
    follows = np.array(kind)
    if follows.shape != (jobs,) or (follows.size and follows.dtype.kind not in "iu"):
        raise InputError(
            "kind must be one row number a job", seen=f"{follows.dtype} {follows.shape}", rule=f"integers, ({jobs},)"
        )
    if follows.size and (follows.min() < 0 or follows.max() >= rows):
        raise InputError(
            "kind names a row that is not in the table", seen=int(follows.max()), rule=f"rows 0 to {rows - 1}"
        )
    return read_only(follows.astype(np.int64))


def _refuse_bad(values: FloatArray, unknown: BoolArray, jobs: Labels, types: Labels, kind: IntArray | None) -> None:
    with np.errstate(invalid="ignore"):
        bad = (values < 0) | np.isinf(values)
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        who = f"job {jobs[row]!r}" if kind is None else f"kind {row}"
        raise InputError(
            "throughput out of range",
            where=f"{who}, accelerator {types[column]!r}",
            seen=float(values[row, column]),
            rule="a finite number >= 0 (0: cannot run; missing: unknown)",
        )
