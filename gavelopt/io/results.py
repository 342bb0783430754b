"""A solution as plain data: one JSON document (``gavelopt-solution/1``), or the allocation as a table.

JSON has no NaN and no infinity: both become null. Fractions of time below 1e-12 are rounding and left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.errors import InputError
from gavelopt.io.frames import write_frame
from gavelopt.io.write import target_form, write_json

if TYPE_CHECKING:
    from gavelopt.model.solution import Prices, Solution

FORMAT = "gavelopt-solution/1"


def solution_dict(solution: Solution, *, one_sided_prices: bool = False) -> dict[str, Any]:
    """Everything a solution says, as plain Python ready for JSON.

    Args:
        solution: the judged answer.
        one_sided_prices: compute on which side of the optimum each price holds and whether it is unique (a small linear
            program a side) if nobody has asked for it yet; otherwise it is told only where it is known already.
    """
    names = ("method", "guarantee", "status", "value", "bound", "bound_kind", "gap", "unit", "seconds", "message")
    document = {
        "format": FORMAT,
        "policy": solution.policy.describe(),
        **{name: plain_json(getattr(solution, name)) for name in names},
        "instance": _instance(solution),
        "allocation": _allocation(solution),
        "throughput": None if solution.allocation is None else _by_job(solution, solution.allocation.rates),
        "plan": plain_json(solution.plan),
        "levels": None if solution.levels is None else _by_job(solution, solution.levels),
        "prices": None if solution.prices is None else _prices(solution, solution.prices, one_sided_prices),
        "checks": [
            {"name": c.name, "residual": plain_json(c.residual), "limit": c.limit, "worst": c.worst, "passed": c.passed}
            for c in solution.checks
        ],
        "attempts": [
            {"method": a.method, "seconds": plain_json(a.seconds), "outcome": a.outcome, "detail": a.detail}
            for a in solution.attempts
        ],
        "warnings": list(solution.warnings),
        "details": plain_json(solution.details),
    }
    return document


def save_solution(solution: Solution, path: str | Path) -> Path:
    """Write a solution and return the path: .json all of it; .csv, .tsv, .parquet the allocation, a row a job.

    Raises:
        InputError: an unknown ending, no such folder, or no allocation to put into a table.
    """
    file = Path(path)
    if target_form(file) == ".json":
        return write_json(solution_dict(solution), file)
    if solution.allocation is None:
        raise InputError(
            "there is no allocation to write",
            where=str(file),
            seen=f"status {solution.status}",
            fix="write .json, which also tells why",
        )
    return write_frame(solution.to_frame().reset_index(), file)


def plain_json(value: Any) -> Any:
    """``value`` in JSON's own types: arrays as lists, NaN and infinity as null, nouns by their own ``to_dict``.

    Everything else is given as its text.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if isinstance(value, (int, float)):
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return plain_json(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_json(item) for item in value]
    return plain_json(value.to_dict()) if hasattr(value, "to_dict") else str(value)


def _instance(solution: Solution) -> dict[str, Any]:
    instance = solution.instance
    return {"kind": instance.kind, "name": getattr(instance, "name", None)}


def _allocation(solution: Solution) -> dict[str, dict[str, float]] | None:
    """{job: {accelerator: fraction of time}}, only what is not zero; jobs without time are there and empty."""
    if solution.allocation is None:
        return None
    found: dict[str, dict[str, float]] = {name: {} for name in solution.allocation.jobs}
    for job, accelerator, fraction in solution.allocation.nonzero():
        found[job][accelerator] = fraction
    return found


def _by_job(solution: Solution, values: Any) -> dict[str, Any]:
    assert solution.allocation is not None
    return dict(zip(solution.allocation.jobs, plain_json(values), strict=True))


def _prices(solution: Solution, prices: Prices, compute: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "unit": prices.unit,
        "per_accelerator": plain_json(dict(prices)),
        "per_dollar": None if prices.per_dollar is None else plain_json(prices.per_dollar),
        "time_of_job": None if prices.jobs is None else _by_job(solution, prices.jobs),
        "throughput_of_job": None if prices.throughput is None else _by_job(solution, prices.throughput),
    }
    if compute or "sides" in prices.__dict__:  # a cached property that was asked for
        document["unique"] = prices.unique
        document["one_sided"] = plain_json(prices.one_sided)
    return document
