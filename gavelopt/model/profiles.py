"""Profiled tables keyed by (workload, scale factor), as measured, before any job is named.

A table of K keys serves any number of jobs: each job follows the row of its key, so a million jobs drawn from 26
workloads are 26 rows and a million row numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gavelopt.errors import InputError, UnknownName, did_you_mean
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.jobs import JobSet
from gavelopt.model.throughput import PairTable, ThroughputTable

Key = tuple[str, int]
MISSING = ("error", "drop", "scale")


@dataclass(frozen=True, eq=False)
class ThroughputProfiles:
    """Measured rates of K (workload, scale factor) keys on R accelerator types.

    keys:  K keys (workload, scale factor).
    rates: (K, R) throughput of the whole gang, NaN unknown, 0 cannot run.
    pairs: {(key, key): (R, 2) rates of both}; each unordered pair once, NaN unknown.
    notes: what a reader met in the measurements and should say aloud.
    """

    keys: Sequence[Key]
    accelerators: Labels
    rates: FloatArray
    unit: str = "steps/s"
    source: str | None = None
    pairs: Mapping[tuple[Key, Key], FloatArray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def workloads(self) -> list[str]:
        """The workloads in order of first appearance."""
        return list(dict.fromkeys(workload for workload, _ in self.keys))

    @cached_property
    def row(self) -> Mapping[Key, int]:
        """The row of each key."""
        return {key: position for position, key in enumerate(self.keys)}

    def for_jobs(
        self, jobs: JobSet, accelerators: Sequence[str], missing: str = "error"
    ) -> tuple[JobSet, ThroughputTable, list[str]]:
        """The table of ``jobs`` on ``accelerators``, the jobs kept, and what was done about missing keys.

        ``missing`` says what to do with a job whose (workload, scale factor) was never measured: ``error``;
        ``drop`` the job; ``scale`` linearly from the nearest scale factor that was measured.

        Raises:
            InputError: a job without a workload, an accelerator or a workload that the table does not measure.
        """
        if missing not in MISSING:
            raise UnknownName.among("choice for missing", missing, MISSING)
        columns = [self.accelerators.index(name) for name in accelerators]
        keys, key_of = _distinct_keys(jobs)
        rates: list[FloatArray] = []
        absent: list[str] = []
        place = np.full(len(keys), -1, dtype=np.int64)  # table row of each distinct key, -1 for a dropped one
        for position, key in enumerate(keys):
            found: FloatArray | None
            if key in self.row:
                found = self.rates[self.row[key]]
            else:
                found = self._absent(key, np.flatnonzero(key_of == position), jobs, missing, absent)
            if found is not None:
                place[position] = len(rates)
                rates.append(found[columns])
        if (place[key_of] < 0).any():
            jobs, key_of = jobs.take(place[key_of] >= 0), key_of[place[key_of] >= 0]
        kept = [key for position, key in enumerate(keys) if place[position] >= 0]
        table = ThroughputTable(
            np.array(rates).reshape(len(rates), len(columns)),
            jobs.names,
            accelerators,
            kind=place[key_of],
            unit=self.unit,
            source=self.source,
            pairs=self._pairs_of(kept, columns),
        )
        done = "dropped" if missing == "drop" else "scaled linearly from the nearest measured scale factor"
        shown = "; ".join(absent[:3]) + (f"; ... ({len(absent)} in all)" if len(absent) > 3 else "")
        return jobs, table, [f"jobs without a measured rate were {done}: {shown}"] if absent else []

    def _absent(self, key: Key, wanted: IntArray, jobs: JobSet, missing: str, absent: list[str]) -> FloatArray | None:
        """(R,) rates of a key that was never measured, or None to drop its jobs, which stand at ``wanted``."""
        workload, scale = key
        measured = sorted(s for w, s in self.keys if w == workload)
        if missing == "error" or (missing == "scale" and not measured):
            raise self._no_key(key, jobs.names[int(wanted[0])], measured)
        who = f"{len(wanted)} of {workload!r} at scale factor {scale}"
        if missing == "drop":
            absent.append(who)
            return None
        near = min(measured, key=lambda s: (abs(np.log(s / scale)), s))
        absent.append(f"{who} from {near}")
        return np.asarray(self.rates[self.row[workload, near]] * (scale / near))

    def _pairs_of(self, keys: Sequence[Key], columns: list[int]) -> PairTable | None:
        """The pairs whose two keys are both in the table; scaled keys were measured with nobody."""
        place = {key: position for position, key in enumerate(keys)}
        found = [
            ((place[a], place[b]), rates[columns]) for (a, b), rates in self.pairs.items() if a in place and b in place
        ]
        if not found:
            return None
        return PairTable([members for members, _ in found], [rates for _, rates in found], len(keys), len(columns))

    def _no_key(self, key: Key, job: str, measured: list[int]) -> InputError:
        workload, scale = key
        if measured:
            return InputError(
                f"no measured rate for workload {workload!r} at scale factor {scale}",
                where=f"job {job!r}",
                rule="measured scale factors: " + ", ".join(map(str, measured)),
                fix="missing='drop' or missing='scale'",
            )
        return InputError(
            f"unknown workload {workload!r}",
            where=f"job {job!r}",
            rule=f"the table measures {len(self.workloads)} workloads",
            fix=did_you_mean(workload, self.workloads) or "missing='drop' leaves such jobs out",
        )

    def __repr__(self) -> str:
        return f"ThroughputProfiles({len(self.keys)} keys x {len(self.accelerators)} accelerators, {self.unit})"


def _distinct_keys(jobs: JobSet) -> tuple[list[Key], IntArray]:
    """The distinct (workload, scale factor) keys in order of first appearance, and (J,) the key of each job."""
    workloads = jobs.workload if jobs.workload is not None else (None,) * len(jobs)
    code = {name: number for number, name in enumerate(dict.fromkeys(workloads))}
    if None in code:
        raise InputError(
            "a job names no workload",
            where=f"job {jobs.names[workloads.index(None)]!r}",
            rule="rates by workload need the workload of every job",
        )
    names = [str(name) for name in code]
    number = np.fromiter(map(code.__getitem__, workloads), np.int64, len(jobs))
    width = int(jobs.scale_factor.max(initial=0)) + 1
    _, first, sorted_key = np.unique(number * width + jobs.scale_factor, return_index=True, return_inverse=True)
    order = np.argsort(first)
    keys = [(names[number[at]], int(jobs.scale_factor[at])) for at in first[order]]
    return keys, np.argsort(order)[sorted_key].astype(np.int64)
