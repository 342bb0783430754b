"""Who held what and when: the record that every replay leaves, and from which everything else is computed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from gavelopt.model.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Log:
    """S segments in columns, by start time; all (S,).

    job: position of the job; accelerator: position of the type; gang: how many of that type; partner: the job that shares
    them, -1 for none; start_s, end_s; share: part of that time that the job held them (1, less only in fluid mode);
    steps: made; restart_s: seconds of it spent on restarting.
    """

    job: IntArray
    accelerator: IntArray
    gang: IntArray
    partner: IntArray
    start_s: FloatArray
    end_s: FloatArray
    share: FloatArray
    steps: FloatArray
    restart_s: FloatArray

    def __len__(self) -> int:
        return len(self.job)

    @cached_property
    def held_s(self) -> FloatArray:
        """(S,) seconds for which each job held its gang."""
        return np.asarray((self.end_s - self.start_s) * self.share)

    @cached_property
    def accelerators_held(self) -> FloatArray:
        """(S,) accelerators held on average; two jobs that share a gang count for half of it each."""
        return np.asarray(self.gang * self.share * np.where(self.partner >= 0, 0.5, 1.0))

    @classmethod
    def of(cls, **columns: object) -> Log:
        """A log from columns in any order of time; unless given, gang is 1, partner -1, share 1 and restart_s 0."""
        count = len(np.asarray(columns["job"]))
        usual = {
            "gang": np.ones(count),
            "partner": np.full(count, -1),
            "share": np.ones(count),
            "restart_s": np.zeros(count),
        }
        whole = ("job", "accelerator", "gang", "partner")
        made: dict[str, Any] = {
            field.name: np.asarray(
                columns.get(field.name, usual.get(field.name)), dtype=np.int64 if field.name in whole else np.float64
            )
            for field in fields(cls)
        }
        order = np.lexsort([made["job"], made["start_s"]])
        return cls(**{name: values[order] for name, values in made.items()})
