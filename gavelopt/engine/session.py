"""A session: jobs come, go and change, and the policy is solved again from where it was.

The last prices start the next solve; the answer is judged as always, so a warm solve has the same certificate as a cold one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from gavelopt.engine.columns import DEFAULTS, JobColumns
from gavelopt.engine.moves import Moves
from gavelopt.engine.registry import resolve
from gavelopt.engine.solve import solve
from gavelopt.errors import InputError, UnknownName, did_you_mean
from gavelopt.model.arrays import FloatArray
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Policy
from gavelopt.model.solution import Solution


class Session:
    """Keep a policy solved while its jobs and its cluster change.

    ``add`` takes a mapping with ``name`` and ``rates`` (by accelerator; a missing one is unknown) and any column of JobSet;
    ``update`` changes columns or rates of a job; ``remove`` takes its name; ``resize`` sets accelerator counts.

    Raises:
        InputError: a name that is taken, unknown or missing, an unknown column or accelerator, a value that breaks a rule.
    """

    def __init__(self, instance: Instance, policy: str | Policy, **options: Any) -> None:
        self.policy, self.options = resolve(policy, options)
        self.cluster: Cluster = instance.cluster
        self._refuse_what_is_not_kept(instance)
        self._jobs = JobColumns(instance)
        self._reference = instance.reference
        self._last: Solution | None = None  # the last one with an allocation
        self._new: set[str] = set()  # jobs that have come since

    @staticmethod
    def _refuse_what_is_not_kept(instance: Instance) -> None:
        if instance.kind != "training":
            raise InputError("sessions are for training instances", seen=instance.kind)
        if instance.entities or instance.throughputs.pairs is not None:
            raise InputError(
                "a session keeps neither entities nor pairs of jobs", fix="solve each instance by go.solve"
            )

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def jobs(self) -> Sequence[str]:
        """Names of the jobs, in no particular order."""
        return tuple(self._jobs.names)

    def add(self, job: Mapping[str, Any]) -> None:
        """One more job: ``{"name": "j9", "rates": {"v100": 3.1}, "scale_factor": 2}``."""
        name = job.get("name")
        if not isinstance(name, str) or not name:
            raise InputError("a job needs a name", seen=repr(name), rule="a non-empty string")
        if name in self._jobs.row:
            raise InputError(f"job {name!r} is already here", fix="update it, or remove it first")
        if "rates" not in job:
            raise InputError("a job needs rates", where=f"job {name!r}", rule="a mapping of accelerator to throughput")
        changes = {key: value for key, value in job.items() if key != "name"}
        self._check(name, changes)
        self._jobs.append(name, *self._jobs.checked(name, changes))
        self._new.add(name)

    def remove(self, name: str) -> None:
        """Take a job away; the last one moves into its row."""
        self._jobs.remove(self._find(name))

    def update(self, name: str, **changes: Any) -> None:
        """Change columns of a job (``weight=2.0, steps=100``) or its ``rates``."""
        row = self._find(name)
        self._check(name, changes)
        self._jobs.write(row, *self._jobs.checked(name, changes))

    def resize(self, counts: Mapping[str, float]) -> None:
        """Set the counts of the named accelerator types."""
        new = self.cluster.count.copy()
        for name, count in counts.items():
            new[self.cluster.accelerators.index(name)] = count
        self.cluster = self.cluster.with_count(new)

    def instance(self) -> Instance:
        """The instance as it is now."""
        return Instance(self.cluster, *self._jobs.snapshot(), reference=self._reference)

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
        moves = None if max_moves is None or self._last is None else Moves(self._held(self._last), max_moves)
        found = solve(self.instance(), self.policy, warm=self._last, moves=moves, **{**self.options, **arguments})
        if found.allocation is not None:
            self._last = found
            self._new.clear()
        return found

    def _held(self, last: Solution) -> FloatArray:
        """(J, R) what the jobs of now had in an earlier answer; nothing where they are new."""
        assert last.allocation is not None
        before = {name: row for row, name in enumerate(last.instance.jobs.names)}
        held = np.zeros((len(self), len(self.cluster)))
        for row, name in enumerate(self._jobs.names):
            if name in before and name not in self._new:
                held[row] = last.allocation.matrix[before[name]]
        return held

    def _find(self, name: str) -> int:
        if name not in self._jobs.row:
            raise InputError(
                f"unknown job {name!r}",
                rule=f"one of the session's {len(self)} jobs",
                fix=did_you_mean(name, self._jobs.names),
            )
        return self._jobs.row[name]

    def _check(self, name: str, changes: Mapping[str, Any]) -> None:
        where, rates = f"job {name!r}", changes.get("rates", {})
        for key in changes:
            if key not in (*DEFAULTS, "rates"):
                raise UnknownName.among("job column", key, (*DEFAULTS, "rates"), where=where)
        if not isinstance(rates, Mapping):
            raise InputError("rates must be a mapping", where=where, seen=repr(rates), fix='for example {"v100": 3.1}')
        for accelerator in rates:
            self.cluster.accelerators.index(accelerator)
        numbers = {**{key: value for key, value in changes.items() if key != "rates" and value is not None}, **rates}
        for key, value in numbers.items():
            if not isinstance(value, Real) or isinstance(value, bool):
                raise InputError(f"{key} must be a number", where=where, seen=repr(value))
