"""The jobs of a session: columns that grow, checked value by value as they come, so that one job costs one row.

A snapshot copies the columns and checks nothing again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gavelopt.labels import Labels
from gavelopt.model.arrays import as_floats, read_only
from gavelopt.model.instance import Instance
from gavelopt.model.jobs import OPTIONAL, JobSet, checked_column
from gavelopt.model.throughput import ThroughputTable

DEFAULTS = {name: 1.0 if name in ("scale_factor", "weight") else 0.0 for name in JobSet.COLUMNS}
DEFAULTS.update(steps=np.nan, deadline_s=np.nan)  # unknown, and none
PLAIN: dict[str, Any] = {"rates": 0.0, "known": True, **DEFAULTS}  # an entry of which nothing has been said
LEAST_ROOM = 16


class JobColumns:
    """Names, (J, R) rates, what of them is known, and the columns of JobSet; arrays double when they are full.

    A column in which nothing has been said of any job is one read-only array, which snapshots share.
    """

    def __init__(self, instance: Instance) -> None:
        self.names: list[str] = list(instance.jobs.names)
        self.row = {name: row for row, name in enumerate(self.names)}
        self.accelerators: Labels = instance.cluster.accelerators
        table, jobs = instance.throughputs, instance.jobs
        self.unit, self.source = table.unit, table.source
        given = {"rates": table.rates, "known": table.known_cells, **{name: getattr(jobs, name) for name in DEFAULTS}}
        self._arrays: dict[str, Any] = {}
        for name, values in given.items():
            like = np.zeros(len(self.names)) if values is None else values
            plain = read_only(np.full(like.shape, PLAIN[name], dtype=like.dtype))
            said = values is not None and not np.array_equal(values, plain, equal_nan=True)
            self._arrays[name] = values.copy() if said else plain

    def __len__(self) -> int:
        return len(self.names)

    def checked(self, name: str, changes: Mapping[str, Any]) -> tuple[dict[int, float], dict[str, Any]]:
        """(rates by the number of their type, columns) that are given, by the rules of the model. Raises InputError."""
        label = Labels([name], "job")
        columns = {
            key: DEFAULTS[key] if value is None else checked_column(key, [value], label)[0]
            for key, value in changes.items()
            if key != "rates"
        }
        at = [self.accelerators.index(accelerator) for accelerator in changes.get("rates", {})]
        values = as_floats(list(changes.get("rates", {}).values()), "throughput rates")
        rates = np.full((1, len(self.accelerators)), np.nan)
        rates[0, at] = values
        ThroughputTable(rates, label, self.accelerators, unit=self.unit)
        return dict(zip(at, values.tolist(), strict=True)), columns

    def append(self, name: str, rates: Mapping[int, float], columns: Mapping[str, Any]) -> None:
        """One more job, of checked values."""
        row = len(self.names)
        self._make_room(row + 1)
        for column, entries in self._arrays.items():
            if entries.flags.writeable:
                entries[row] = PLAIN[column]
        self.row[name] = row
        self.names.append(name)
        unknown = {place: np.nan for place in range(len(self.accelerators)) if place not in rates}
        self.write(row, {**rates, **unknown}, columns)

    def write(self, row: int, rates: Mapping[int, float], columns: Mapping[str, Any]) -> None:
        """Change the given rates (NaN: not known any more) and columns of a job."""
        for place, rate in rates.items():
            known = rate == rate
            self._put("rates", (row, place), rate if known else 0.0)
            self._put("known", (row, place), known)
        for column, value in columns.items():
            self._put(column, row, value)

    def _put(self, column: str, place: Any, value: Any) -> None:
        entries = self._arrays[column]
        if not entries.flags.writeable:
            plain = PLAIN[column]
            if value == plain or (value != value and plain != plain):  # both are nan: unknown
                return
            entries = self._arrays[column] = entries.copy()
        entries[place] = value

    def remove(self, row: int) -> None:
        """Take a job away; the last one moves into its row."""
        last = len(self.names) - 1
        del self.row[self.names[row]]
        moved = self.names.pop()
        if row != last:
            self.names[row], self.row[moved] = moved, row
            for values in self._arrays.values():
                if values.flags.writeable:
                    values[row] = values[last]

    def snapshot(self) -> tuple[JobSet, ThroughputTable]:
        """The jobs as they are now."""
        count = len(self.names)
        now: dict[str, Any] = {}
        for name, values in self._arrays.items():
            said = values.flags.writeable
            plain = None if name in OPTIONAL else values[:count]
            now[name] = read_only(values[:count].copy()) if said else plain
        labels = Labels.unchecked(self.names, "job")
        table = ThroughputTable.trusted(
            now.pop("rates"), now.pop("known"), labels, self.accelerators, self.unit, self.source
        )
        return JobSet.trusted(labels, now), table

    def _make_room(self, rows: int) -> None:
        if rows > len(self._arrays["rates"]):
            for name, values in self._arrays.items():
                more = max(len(values), LEAST_ROOM, rows - len(values))
                wider = np.concatenate([values, np.full((more, *values.shape[1:]), PLAIN[name], dtype=values.dtype)])
                self._arrays[name] = wider if values.flags.writeable else read_only(wider)
