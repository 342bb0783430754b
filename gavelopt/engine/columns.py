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
from gavelopt.model.jobs import JobSet, checked_column
from gavelopt.model.throughput import ThroughputTable

DEFAULTS = {name: 1.0 if name in ("scale_factor", "weight") else 0.0 for name in JobSet.COLUMNS}
DEFAULTS.update(steps=np.nan, deadline_s=np.nan)  # unknown, and none
LEAST_ROOM = 16


class JobColumns:
    """Names, (J, R) rates, what of them is known, and the columns of JobSet; arrays double when they are full."""

    def __init__(self, instance: Instance) -> None:
        self.names: list[str] = list(instance.jobs.names)
        self.row = {name: row for row, name in enumerate(self.names)}
        self.accelerators: Labels = instance.cluster.accelerators
        table, count = instance.throughputs, len(self.names)
        self.unit, self.source = table.unit, table.source
        self._arrays: dict[str, Any] = {"rates": table.rates.copy(), "known": table.known_cells.copy()}
        for column, default in DEFAULTS.items():
            values = getattr(instance.jobs, column)
            self._arrays[column] = np.full(count, default) if values is None else values.copy()

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
        for column, default in DEFAULTS.items():
            self._arrays[column][row] = default
        self._arrays["rates"][row], self._arrays["known"][row] = 0.0, False
        self.row[name] = row
        self.names.append(name)
        self.write(row, rates, columns)

    def write(self, row: int, rates: Mapping[int, float], columns: Mapping[str, Any]) -> None:
        """Change the given rates (NaN: not known any more) and columns of a job."""
        for place, rate in rates.items():
            known = rate == rate
            self._arrays["rates"][row, place], self._arrays["known"][row, place] = rate if known else 0.0, known
        for column, value in columns.items():
            self._arrays[column][row] = value

    def remove(self, row: int) -> None:
        """Take a job away; the last one moves into its row."""
        last = len(self.names) - 1
        del self.row[self.names[row]]
        moved = self.names.pop()
        if row != last:
            self.names[row], self.row[moved] = moved, row
            for values in self._arrays.values():
                values[row] = values[last]

    def snapshot(self) -> tuple[JobSet, ThroughputTable]:
        """The jobs as they are now."""
        count = len(self.names)
        now = {name: read_only(values[:count].copy()) for name, values in self._arrays.items()}
        labels = Labels.unchecked(self.names, "job")
        table = ThroughputTable.trusted(
            now.pop("rates"), now.pop("known"), labels, self.accelerators, self.unit, self.source
        )
        return JobSet.trusted(labels, now), table

    def _make_room(self, rows: int) -> None:
        if rows > len(self._arrays["rates"]):
            for name, values in self._arrays.items():
                wider = np.empty((max(2 * len(values), LEAST_ROOM), *values.shape[1:]), dtype=values.dtype)
                wider[: len(values)] = values
                self._arrays[name] = wider
