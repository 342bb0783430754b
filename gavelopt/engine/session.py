"""A session: jobs come, go and change, and the policy is solved again from where it was.

The state is a set of growable columns, so that one job in or out of ten thousand costs one row. The last prices start the
next solve; the answer is judged as always, so a warm solve has the same certificate as a cold one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from gavelopt.engine.moves import Moves
from gavelopt.engine.registry import resolve
from gavelopt.engine.solve import solve
from gavelopt.errors import InputError, UnknownName, did_you_mean
from gavelopt.labels import Labels
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.policy import Policy
from gavelopt.model.solution import Solution
from gavelopt.model.throughput import ThroughputTable

COLUMNS = {name: 1.0 if name in ("scale_factor", "weight") else 0.0 for name in JobSet.COLUMNS}
COLUMNS.update(steps=np.nan, deadline_s=np.nan)  # unknown, and none


class Session:
    """Keep a policy solved while its jobs and its cluster change.

    ``add`` takes a mapping with ``name`` and ``rates`` (by accelerator; a missing one is unknown) and any column of JobSet;
    ``update`` changes columns or rates of a job; ``remove`` takes its name; ``resize`` sets accelerator counts.

    Raises:
        InputError: a name that is taken, unknown or missing, an unknown column or accelerator; bad values at ``solve``.
    """

    def __init__(self, instance: Instance, policy: str | Policy, **options: Any) -> None:
        self.policy, self.options = resolve(policy, options)
        self.cluster: Cluster = instance.cluster
        self.unit, self.source = instance.throughputs.unit, instance.throughputs.source
        self._refuse_what_is_not_kept(instance)
        self._names: list[str] = list(instance.jobs.names)
        self._row = {name: row for row, name in enumerate(self._names)}
        self._rates = np.where(instance.throughputs.known_cells, instance.throughputs.rates, np.nan)
        self._columns: dict[str, Any] = {}  # (J,) arrays by column of JobSet
        for column, default in COLUMNS.items():
            values = getattr(instance.jobs, column)
            self._columns[column] = np.full(len(self._names), default) if values is None else values.astype(np.float64)
        self._held = np.zeros_like(self._rates)  # (J, R) the last allocation
        self._last: Solution | None = None

    @staticmethod
    def _refuse_what_is_not_kept(instance: Instance) -> None:
        if instance.kind != "training":
            raise InputError("sessions are for training instances", seen=instance.kind)
        if instance.entities or instance.throughputs.pairs is not None:
            raise InputError(
                "a session keeps neither entities nor pairs of jobs", fix="solve each instance by go.solve"
            )

    def __len__(self) -> int:
        return len(self._names)

    @property
    def jobs(self) -> Sequence[str]:
        """Names of the jobs, in no particular order."""
        return tuple(self._names)

    def add(self, job: Mapping[str, Any]) -> None:
        """One more job: ``{"name": "j9", "rates": {"v100": 3.1}, "scale_factor": 2}``."""
        name = job.get("name")
        if not isinstance(name, str) or not name:
            raise InputError("a job needs a name", seen=repr(name), rule="a non-empty string")
        if name in self._row:
            raise InputError(f"job {name!r} is already here", fix="update it, or remove it first")
        if "rates" not in job:
            raise InputError("a job needs rates", where=f"job {name!r}", rule="a mapping of accelerator to throughput")
        changes = {key: value for key, value in job.items() if key != "name"}
        self._check(name, changes)
        row = len(self._names)
        self._row[name] = row
        self._names.append(name)
        self._rates = np.vstack([self._rates, np.full(self._rates.shape[1], np.nan)])
        self._held = np.vstack([self._held, np.zeros(self._rates.shape[1])])
        for column, default in COLUMNS.items():
            self._columns[column] = np.append(self._columns[column], default)
        self._write(row, changes)

    def remove(self, name: str) -> None:
        """Take a job away; the last one moves into its row."""
        row = self._find(name)
        last = len(self._names) - 1
        self._names[row] = self._names[last]
        self._row[self._names[row]] = row
        del self._row[name]
        self._names.pop()
        for values in (self._rates, self._held, *self._columns.values()):
            values[row] = values[last]
        self._rates, self._held = self._rates[:last], self._held[:last]
        self._columns = {column: values[:last] for column, values in self._columns.items()}

    def update(self, name: str, **changes: Any) -> None:
        """Change columns of a job (``weight=2.0, steps=100``) or its ``rates``."""
        row = self._find(name)
        self._check(name, changes)
        self._write(row, changes)

    def resize(self, counts: Mapping[str, float]) -> None:
        """Set the counts of the named accelerator types."""
        new = self.cluster.count.copy()
        for name, count in counts.items():
            new[self.cluster.accelerators.index(name)] = count
        self.cluster = self.cluster.with_count(new)

    def instance(self) -> Instance:
        """The instance as it is now. Raises InputError for values that break a rule, named by job."""
        jobs = JobSet(Labels.unchecked(self._names, "job"), **self._columns)
        table = ThroughputTable(self._rates, jobs.names, self.cluster.accelerators, unit=self.unit, source=self.source)
        return Instance(self.cluster, jobs, table)

    def solve(self, *, max_moves: float | None = None, **arguments: Any) -> Solution:
        """Solve again; ``arguments`` as for go.solve. The last answer's prices are where the next search starts.

        max_moves: accelerators that may be given to jobs that did not have them in the last answer (fractions of time count
            as fractions); None for no limit. The answer then lies on the straight way from the last allocation to the
            optimum; its bound stays that of the optimum, so it is "bounded" by what the limit costs.
        """
        if max_moves is not None and not max_moves >= 0:
            raise InputError("max_moves out of range", seen=max_moves, rule="a number >= 0, or None for no limit")
        if max_moves is not None and not self.policy.generic:
            raise InputError(
                "max_moves needs a policy with an objective",
                seen=self.policy.name,
                rule="an allocation on the way to that of a rule, or to levels, is neither",
            )
        moves = None if max_moves is None or self._last is None else Moves(self._held.copy(), max_moves)
        warm = None if self._last is None else self._last.multipliers
        self._last = solve(self.instance(), self.policy, warm=warm, moves=moves, **{**self.options, **arguments})
        if self._last.allocation is not None:
            self._held = self._last.allocation.matrix.copy()
        return self._last

    def _find(self, name: str) -> int:
        if name not in self._row:
            raise InputError(
                f"unknown job {name!r}",
                rule=f"one of the session's {len(self)} jobs",
                fix=did_you_mean(name, self._names),
            )
        return self._row[name]

    def _check(self, name: str, changes: Mapping[str, Any]) -> None:
        where, rates = f"job {name!r}", changes.get("rates", {})
        for key in changes:
            if key not in (*COLUMNS, "rates"):
                raise UnknownName.among("job column", key, (*COLUMNS, "rates"), where=where)
        if not isinstance(rates, Mapping):
            raise InputError("rates must be a mapping", where=where, seen=repr(rates), fix='for example {"v100": 3.1}')
        for accelerator in rates:
            self.cluster.accelerators.index(accelerator)
        numbers = {**{key: value for key, value in changes.items() if key != "rates" and value is not None}, **rates}
        for key, value in numbers.items():
            if not isinstance(value, Real) or isinstance(value, bool):
                raise InputError(f"{key} must be a number", where=where, seen=repr(value))

    def _write(self, row: int, changes: Mapping[str, Any]) -> None:
        for key, value in changes.items():
            if key == "rates":
                for accelerator, rate in value.items():
                    self._rates[row, self.cluster.accelerators.index(accelerator)] = rate
            else:
                self._columns[key][row] = COLUMNS[key] if value is None else value
