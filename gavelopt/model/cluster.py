"""The supply: accelerator types, how many of each, what an hour costs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from gavelopt.errors import InputError
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray, vector


@dataclass(frozen=True, eq=False)
class Cluster:
    """R accelerator types and their counts.

    Args:
        accelerators: names, or a mapping ``{"v100": 12, "p100": 12}`` of names to counts.
        count: (R,) accelerators of each type, >= 0; a fraction is allowed (part of a shared cluster).
        cost_per_hour: (R,) price of one accelerator for one hour, NaN where unknown; None when no price is known.
        memory_gib: (R,) memory of one accelerator in GiB, NaN where unknown, or None.
        per_node: (R,) accelerators in one server, NaN where unknown, or None.

    Raises:
        InputError: duplicate names, a negative or non-finite count, a wrong shape.
    """

    accelerators: Labels
    count: FloatArray
    cost_per_hour: FloatArray | None = None
    memory_gib: FloatArray | None = None
    per_node: FloatArray | None = None

    def __init__(
        self,
        accelerators: Iterable[str] | Mapping[str, float],
        count: object = None,
        cost_per_hour: object = None,
        memory_gib: object = None,
        per_node: object = None,
    ) -> None:
        if isinstance(accelerators, Mapping):
            if count is not None:
                raise InputError("counts given twice", rule="a mapping of names to counts needs no count argument")
            count = list(accelerators.values())
            accelerators = list(accelerators)
        if isinstance(accelerators, str):
            raise InputError(
                "accelerators must be a list of names",
                seen=repr(accelerators),
                fix="Cluster.from_spec reads 'v100:36,p100:36'",
            )
        names = accelerators if isinstance(accelerators, Labels) else Labels(accelerators, "accelerator")
        if count is None:
            raise InputError(
                "accelerator counts are missing", rule="one count an accelerator type, for example {'v100': 12}"
            )
        put = object.__setattr__
        put(self, "accelerators", names)
        put(self, "count", vector(count, len(names), "count", names))
        for column, values in (("cost_per_hour", cost_per_hour), ("memory_gib", memory_gib), ("per_node", per_node)):
            known = None if values is None else vector(values, len(names), column, names, missing=True)
            put(self, column, None if known is None or bool(np.isnan(known).all()) else known)

    @classmethod
    def from_spec(cls, spec: str, order: Iterable[str] = ("v100", "p100", "k80")) -> Cluster:
        """``"v100:36,p100:36"``, or Gavel's ``"36:36:36"`` whose counts stand in the order v100, p100, k80."""
        parts = [part.strip() for part in spec.split(",")] if "," in spec or re.search(r"[A-Za-z]", spec) else None
        names = list(order)
        try:
            if parts is None:
                counts = [float(part) for part in spec.split(":")]
                if len(counts) != len(names):
                    raise ValueError(spec)
                return cls(names, counts)
            pairs = [part.rsplit(":", 1) for part in parts]
            return cls([name.strip() for name, _ in pairs], [float(number) for _, number in pairs])
        except (ValueError, IndexError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                "cannot read the cluster specification",
                seen=repr(spec),
                rule=f"NAME:COUNT,NAME:COUNT or counts of {':'.join(names)}",
                fix="for example v100:36,p100:36,k80:36 or 36:36:36",
            ) from error

    def __len__(self) -> int:
        return len(self.accelerators)

    def with_count(self, count: object) -> Cluster:
        """The same types with other counts."""
        return Cluster(self.accelerators, count, self.cost_per_hour, self.memory_gib, self.per_node)

    def adding(self, more: Mapping[str, float]) -> Cluster:
        """The cluster with ``more`` accelerators of the named types."""
        count = self.count.copy()
        for name, number in more.items():
            count[self.accelerators.index(name)] += number
        return self.with_count(count)

    def __repr__(self) -> str:
        body = ", ".join(f"{name}: {number:g}" for name, number in zip(self.accelerators, self.count, strict=True))
        return f"Cluster({body})"
