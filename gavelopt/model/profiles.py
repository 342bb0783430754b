"""Profiled tables keyed by (workload, scale factor), as measured, before any job is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gavelopt.errors import InputError, did_you_mean
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
    pairs: {(key, key): (R, 2) rates of both}; each unordered pair once.
    """

    keys: Sequence[Key]
    accelerators: Labels
    rates: FloatArray
    unit: str = "steps/s"
    source: str | None = None
    pairs: Mapping[tuple[Key, Key], FloatArray] = field(default_factory=dict)

    @property
    def workloads(self) -> list[str]:
        """The workloads in order of first appearance."""
        return list(dict.fromkeys(workload for workload, _ in self.keys))

    def for_jobs(
        self, jobs: JobSet, accelerators: Sequence[str], missing: str = "error"
    ) -> tuple[JobSet, ThroughputTable, list[str]]:
        """The table of ``jobs`` on ``accelerators``, the jobs kept, and what was done about missing keys.

        ``missing`` says what to do with a job whose (workload, scale factor) was never measured: ``error``;
        ``drop`` the job; ``scale`` linearly from the nearest scale factor that was measured.
        """
        if missing not in MISSING:
            raise InputError("unknown choice for missing", seen=repr(missing), rule="one of: " + ", ".join(MISSING))
        columns = [self.accelerators.index(name) for name in accelerators]
        rows = {key: position for position, key in enumerate(self.keys)}
        rates, notes = [np.asarray(row)[columns] for row in self.rates], []
        wanted = _keys_of(jobs)
        absent = [key for key in dict.fromkeys(wanted) if key not in rows]
        for key in absent:
            if missing == "error" or (missing == "scale" and key[0] not in self.workloads):
                raise self._no_key(key, jobs, wanted)
            count = wanted.count(key)
            if missing == "scale":
                near = min((s for w, s in self.keys if w == key[0]), key=lambda s: (abs(np.log(s / key[1])), s))
                rows[key] = len(rates)
                rates.append(rates[rows[key[0], near]] * key[1] / near)
                notes.append(f"{count} job(s) of {key} have no measured rate; scaled linearly from scale factor {near}")
            else:
                notes.append(f"dropped {count} job(s) of {key}: no measured rate for this (workload, scale factor)")
        kept = [position for position, key in enumerate(wanted) if key in rows]
        if len(kept) < len(jobs):
            jobs = jobs.take(kept)
        kind = np.array([rows[wanted[position]] for position in kept], dtype=np.int64)
        table = self._table(jobs, list(accelerators), columns, np.array(rates).reshape(-1, len(columns)), kind, rows)
        return jobs, table, notes

    def _table(
        self,
        jobs: JobSet,
        types: list[str],
        columns: list[int],
        rates: FloatArray,
        kind: IntArray,
        rows: dict[Key, int],
    ) -> ThroughputTable:
        used = np.unique(kind)
        place = {int(old): new for new, old in enumerate(used)}
        together = [
            (place[rows[a]], place[rows[b]], values[columns])
            for (a, b), values in self.pairs.items()
            if rows[a] in place and rows[b] in place
        ]
        pairs = (
            PairTable([(a, b) for a, b, _ in together], [v for *_, v in together], len(used), len(types))
            if together
            else None
        )
        return ThroughputTable(
            rates[used],
            jobs.names,
            types,
            kind=np.searchsorted(used, kind),
            unit=self.unit,
            source=self.source,
            pairs=pairs,
        )

    def _no_key(self, key: Key, jobs: JobSet, wanted: list[Key]) -> InputError:
        first = jobs.names[wanted.index(key)]
        scales = sorted(s for w, s in self.keys if w == key[0])
        if scales:
            return InputError(
                f"no measured rate for workload {key[0]!r} at scale factor {key[1]}",
                where=f"job {first!r}",
                rule="measured scale factors: " + ", ".join(map(str, scales)),
                fix="missing='drop' or missing='scale'",
            )
        return InputError(
            f"unknown workload {key[0]!r}",
            where=f"job {first!r}",
            rule=f"the table measures {len(self.workloads)} workloads",
            fix=did_you_mean(key[0], self.workloads) or "missing='drop' leaves such jobs out",
        )


def _keys_of(jobs: JobSet) -> list[Key]:
    if jobs.workload is None:
        jobs_missing: list[str | None] = [None] * len(jobs)
    else:
        jobs_missing = list(jobs.workload)
    for position, workload in enumerate(jobs_missing):
        if workload is None:
            raise InputError(
                "a job names no workload",
                where=f"job {jobs.names[position]!r}",
                rule="rates by workload need the workload of every job",
            )
    return [(str(workload), int(scale)) for workload, scale in zip(jobs_missing, jobs.scale_factor, strict=True)]
