"""What no run may break: nothing beats a proved bound, no heuristic beats an optimum that was proved, nothing crashes."""

from __future__ import annotations

from collections.abc import Iterable

from gavelopt.bench.statistics import Record, best_bound, comparable, optimum, share

TOLERANCE = 2e-6  # the tolerance of "optimal", once for each of the two answers


def broken(records: Iterable[Record]) -> list[str]:
    """One line for each promise that the records break, and for each process that crashed."""
    records = list(records)
    found = [f"{r['suite']}: {r['question']} by {r['method']}: {r['reason']}" for r in records if r.get("crashed")]
    for (suite, question, instance, seed), group in comparable(records).items():
        where = f"{suite}: {question} on {instance}, seed {seed}"
        for reference, what in ((best_bound(group), "the proved bound"), (optimum(group), "the proved optimum")):
            for record in group:
                part = share(record, reference)
                if part is not None and part > 1.0 + TOLERANCE:
                    found.append(f"{where}: {record['method']} has {record['value']!r}, {what} is {reference!r}")
    return found


def off_target(records: Iterable[Record]) -> list[Record]:
    """The reproduced figures that differ from the published ones by more than their tolerance."""
    return [record for record in records if record.get("published") and not within(record)]


def within(record: Record) -> bool:
    """Whether a reproduced figure is within the tolerance of the published one, or (``at_least``) not below it."""
    published = record["published"]
    if record["value"] is None:
        return False
    above = record["value"] - published["value"]
    return bool(above >= -published["tolerance"] and (published.get("at_least") or above <= published["tolerance"]))
