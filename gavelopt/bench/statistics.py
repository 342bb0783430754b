"""Statistics over records: paired on the same instance, as ratios, never as means of absolute seconds.

    share of the optimum    value / reference where more is better, reference / value where less is; for a sum of logarithms
                            of the geometric means it stands for. The reference is the best bound proved by any method
                            (so a share is never flattering), or the value of an exact method that meets its bound.
    ratio of seconds        seconds of the method / seconds of the exact method on the same instance

Both are summarised by geometric means, with a 95 % bootstrap interval (percentile, seeded) over the instances.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavelopt.model.arrays import FloatArray

Record = Mapping[str, Any]
TOLERANCE = 1e-6  # gap at which an answer is called optimal
LEAST_S = 1e-5  # seconds below which a clock says nothing
RESAMPLES = 2000


@dataclass(frozen=True)
class Mean:
    """A geometric mean over ``count`` instances, its 95 % interval (None for fewer than three), and the extremes."""

    value: float
    low: float | None
    high: float | None
    least: float
    most: float
    count: int


@dataclass(frozen=True)
class Row:
    """One method on one question over all instances of a suite.

    of_bound, of_exact: shares of the best proved bound and of the optimum; times: seconds over those of ``exact``.
    asked, solved, optimal: instances, those with an answer, and those whose answer is proved optimal.
    """

    suite: str
    system: str
    question: str
    method: str
    guarantee: str
    sense: str
    asked: int
    solved: int
    optimal: int
    of_bound: Mean | None
    of_exact: Mean | None
    times: Mean | None
    reasons: tuple[str, ...]


def comparable(records: Iterable[Record]) -> dict[tuple[str, str, str, int], list[Record]]:
    """Records that answer the same question on the same instance: {(suite, question, instance, seed): records}."""
    groups: dict[tuple[str, str, str, int], list[Record]] = {}
    for record in records:
        if record["kind"] == "solve":
            key = (record["suite"], record["question"], record["instance"], record["seed"])
            groups.setdefault(key, []).append(record)
    return groups


def best_bound(group: Iterable[Record]) -> float | None:
    """The tightest bound that any method proved."""
    proved = [r["bound"] for r in group if r.get("bound_kind") == "proved" and r["bound"] is not None]
    if not proved:
        return None
    return float(min(proved) if _sense(group) == "max" else max(proved))


def optimum(group: Iterable[Record]) -> float | None:
    """The value of an exact method that meets its own bound: proved by the judge, or claimed after an enumeration."""
    found = [
        r["value"] for r in group if r.get("guarantee") == "exact" and r["gap"] is not None and r["gap"] <= TOLERANCE
    ]
    return float(found[0]) if found else None


def share(record: Record, reference: float | None) -> float | None:
    """Share of ``reference`` that the record's value reaches, 1 for both 0; None without either or across signs."""
    value = record["value"]
    if value is None or reference is None:
        return None
    weight = record.get("log_weight")
    if weight:
        return math.exp(min((value - reference) / weight, 700.0))
    better, worse = (reference, value) if record["sense"] == "max" else (value, reference)
    if better == worse:
        return 1.0
    return float(worse / better) if better > 0 and worse >= 0 else None


def rows(records: Iterable[Record]) -> list[Row]:
    """One row a suite, question and method, in the order in which they first occur."""
    groups = comparable(records)
    found: dict[tuple[str, str, str], list[tuple[Record, list[Record]]]] = {}
    for (suite, question, _, _), group in groups.items():
        for record in group:
            found.setdefault((suite, question, record["method"]), []).append((record, group))
    return [_row(pairs) for pairs in _in_order(found)]


def _in_order(found: Mapping[tuple[str, str, str], Any]) -> list[Any]:
    """Methods of one question beside each other."""
    order: dict[tuple[str, str], list[Any]] = {}
    for (suite, question, _), pairs in found.items():
        order.setdefault((suite, question), []).append(pairs)
    return [pairs for together in order.values() for pairs in together]


def _row(pairs: Sequence[tuple[Record, list[Record]]]) -> Row:
    first = pairs[0][0]
    own = [record for record, _ in pairs]
    return Row(
        suite=first["suite"],
        system=first["system"],
        question=first["question"],
        method=first["method"],
        guarantee=next((r["guarantee"] for r in own if r.get("guarantee")), ""),
        sense=next((r["sense"] for r in own if r.get("sense")), "max"),
        asked=len(own),
        solved=sum(r["value"] is not None for r in own),
        optimal=sum(r["status"] == "optimal" for r in own),
        of_bound=geometric(share(r, best_bound(group)) for r, group in pairs),
        of_exact=geometric(share(r, optimum(group)) for r, group in pairs),
        times=geometric(time_ratio(r, group) for r, group in pairs),
        reasons=tuple(dict.fromkeys(f"{r['status']}: {r['reason']}" for r in own if r["value"] is None)),
    )


def time_ratio(record: Record, group: Iterable[Record]) -> float | None:
    """Seconds of this answer over those of the first exact method with an answer to the same question."""
    exact = next((r for r in group if r.get("guarantee") == "exact" and r["value"] is not None), None)
    if exact is None or record["value"] is None:
        return None
    seconds, of_exact = (max(float(r["solve_s"]), LEAST_S) for r in (record, exact))
    return seconds / of_exact


def geometric(values: Iterable[float | None]) -> Mean | None:
    """Geometric mean of the values that there are; 0 where one of them is 0."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if not len(known):
        return None
    extremes = {"least": float(known.min()), "most": float(known.max()), "count": len(known)}
    if known.min() <= 0:
        return Mean(0.0, None, None, **extremes)  # type: ignore[arg-type]
    logs = np.log(known)
    low, high = interval(logs)
    return Mean(float(np.exp(logs.mean())), low, high, **extremes)  # type: ignore[arg-type]


def interval(logs: FloatArray) -> tuple[float | None, float | None]:
    """exp of the 95 % percentile bootstrap interval of the mean; (None, None) for fewer than three values."""
    if len(logs) < 3:
        return None, None
    if np.ptp(logs) == 0:
        return float(np.exp(logs[0])), float(np.exp(logs[0]))
    from scipy.stats import bootstrap

    random = np.random.default_rng(0)
    found = bootstrap((logs,), np.mean, n_resamples=RESAMPLES, method="percentile", random_state=random)
    return float(np.exp(found.confidence_interval.low)), float(np.exp(found.confidence_interval.high))


def gaps(records: Iterable[Record]) -> list[tuple[Record, float]]:
    """(record, 1 - share of the best proved bound) for every answer that can be held against one."""
    found = []
    for group in comparable(records).values():
        bound = best_bound(group)
        for record in group:
            part = share(record, bound)
            if part is not None:
                found.append((record, max(0.0, 1.0 - part)))
    return found


def profile(records: Iterable[Record], methods: Sequence[str]) -> dict[str, FloatArray]:
    """Performance profile: for each method its gaps in rising order, infinite where it has no answer."""
    known = {id(record): gap for record, gap in gaps(records)}
    asked = [record for record in records if record["kind"] == "solve"]
    return {
        name: np.sort([known.get(id(record), np.inf) for record in asked if record["method"] == name])
        for name in methods
    }


def _sense(group: Iterable[Record]) -> str:
    return next((record["sense"] for record in group if record.get("sense")), "max")
