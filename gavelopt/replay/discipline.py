"""A queue discipline: an order of the jobs, and whether it interrupts those that run. Declared in ``formulations/classic``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar

from gavelopt.errors import GavelOptError, InputError, UnknownName

GROUP = "gavelopt.schedulers"
KEYS = ("arrival", "size", "remaining", "weight", "attained")


@dataclass(frozen=True)
class Discipline:
    """Whole gangs, one type each, in the order of a key; the jobs that fit run.

    A subclass is a frozen dataclass whose fields are its parameters. It names its ``key``, one of

        arrival    a_i              when the job arrives
        size       n_i / T_i        seconds alone on its fastest type, T_i = max_j T_ij
        remaining  n_i(t) / T_i     the same for the steps that are left
        weight     - w_i            the larger weight first
        attained   level of s_i x time held so far, see ``quantum_s`` and ``thresholds_s``

    smaller first, ties by arrival and then as listed. Types are handed out in that order: the one the job runs on while it
    can, otherwise the fastest with s_i free. ``preemptive``: running jobs are asked again at every event, in the same order,
    and later jobs use what an earlier one cannot. Not preemptive: whoever runs stays, and the queue waits for its head;
    with a parameter ``backfill`` that is True, jobs behind it pass where they fit. ``quantum_s`` and ``thresholds_s``
    (accelerator-seconds) are the widths of the levels under ``attained``; a subclass declares those parameters that it has.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    key: ClassVar[str] = "arrival"
    preemptive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.key not in KEYS:
            raise UnknownName.among("key of a discipline", self.key, KEYS)
        quantum, levels = self.option("quantum_s", 1.0), self.option("thresholds_s", ())
        if not (_number(quantum) and 0 < quantum < float("inf")):
            raise InputError("quantum_s out of range", seen=quantum, rule="a finite number > 0")
        if not isinstance(levels, (tuple, list)) or not all(_number(level) for level in levels):
            raise InputError("thresholds_s must be a list", seen=levels, rule="numbers that rise from above 0")
        if any(not b > a for a, b in zip((0.0, *levels), levels, strict=False)):
            raise InputError("thresholds_s must rise from above 0", seen=tuple(levels))
        if self.option("backfill", False) not in (True, False):
            raise InputError("backfill out of range", seen=self.option("backfill", False), rule="True or False")

    def option(self, name: str, default: Any) -> Any:
        """The value of a parameter, ``default`` where this discipline does not have it."""
        return getattr(self, name, default)

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """Parameter names and their defaults."""
        return {field.name: field.default for field in dataclasses.fields(cls)}

    def describe(self) -> str:
        """The name with the parameters that differ from their defaults."""
        changed = {k: getattr(self, k) for k, d in self.parameters().items() if getattr(self, k) != d}
        return self.name + (f"({', '.join(f'{k}={v!r}' for k, v in changed.items())})" if changed else "")


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@cache
def schedulers() -> dict[str, EntryPoint]:
    """Every registered discipline and where it comes from."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


def discipline(name: str, options: Mapping[str, Any]) -> Discipline:
    """The registered discipline with ``options`` set. Raises UnknownName for a name or an option that is not there."""
    if name not in schedulers():
        raise UnknownName.among("scheduler", name, schedulers())
    found = schedulers()[name].load()
    made = found() if isinstance(found, type) else found
    if not isinstance(made, Discipline):
        raise GavelOptError(f"entry point {name!r} is no Discipline: {found!r}")
    for option in options:
        if option not in made.parameters():
            raise UnknownName.among(f"option of scheduler {name!r}", option, made.parameters())
    return dataclasses.replace(made, **options)
