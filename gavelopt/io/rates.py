"""The ``throughputs`` of a native training file: rates by job, or by workload and scale factor, and of pairs.

    {"unit": "steps/s", "source": "...",
     "rates": {"j0": {"v100": 11.4, "k80": 0}},                          one row a job
     "by_workload": {"ResNet-50 (batch size 16)": {"2": {"v100": 21.0}}},  or one row a (workload, scale factor)
     "pairs": [{"jobs": ["j0", "j1"], "rates": {"v100": [3.1, 4.2]}},
               {"workloads": ["A3C", "CycleGAN"], "scale_factor": 1, "rates": {"v100": [3.1, 4.2]}}]}

A rate is of the whole gang. A missing cell (or null) is unknown, 0 is "cannot run". Pairs of workloads go with
``by_workload``: they hold for any two jobs of these workloads, so that a table of 26 workloads stays small however
many jobs there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.io.fields import Fields, finite_number, wrong_type
from gavelopt.labels import Labels
from gavelopt.model.arrays import FloatArray
from gavelopt.model.instance import Instance
from gavelopt.model.jobs import JobSet
from gavelopt.model.profiles import Key, ThroughputProfiles
from gavelopt.model.throughput import UNITS, PairTable, ThroughputTable

EITHER = "either rates (by job) or by_workload (by workload and scale factor)"
Read = tuple[JobSet, ThroughputTable, list[str]]


def read_throughputs(fields: Fields, jobs: JobSet, types: Labels, missing: str) -> Read:
    """The jobs kept, their table and what was done about missing rows (see ``ThroughputProfiles.for_jobs``)."""
    unit = fields.text("unit", "steps/s", choices=UNITS)
    source = fields.text("source", None)
    by_job, by_workload = fields.has("rates"), fields.has("by_workload")
    if by_job and by_workload:
        raise InputError("rates are given twice", where=fields.where, rule=EITHER)
    if not by_job and not by_workload:
        raise fields.missing("rates", EITHER)
    read = _by_job if by_job else _by_workload
    found = read(fields, jobs, types, unit, source, missing)
    fields.done()
    return found


def _by_job(fields: Fields, jobs: JobSet, types: Labels, unit: str, source: str | None, missing: str) -> Read:
    given, place = fields.mapping("rates"), fields.place("rates")
    for name in given:
        if name not in jobs.names:
            raise UnknownName.among("job", name, jobs.names, where=f"{place}.{name}")
    absent = next((name for name in jobs.names if name not in given), None)
    if absent is not None:
        raise InputError(
            f"job {absent!r} has no rates",
            where=place,
            rule="every job has a row; {} says that nothing is known",
            fix=f'add "{absent}" to rates',
        )
    rows = [_row(given[name], types, f"{place}.{name}") for name in jobs.names]
    pairs = _job_pairs(fields.sections("pairs", []), jobs, types)
    rates = np.array(rows, dtype=np.float64).reshape(len(jobs), len(types))
    return jobs, ThroughputTable(rates, jobs.names, types, unit=unit, source=source, pairs=pairs), []


def _by_workload(fields: Fields, jobs: JobSet, types: Labels, unit: str, source: str | None, missing: str) -> Read:
    place = fields.place("by_workload")
    rows: dict[Key, list[float]] = {}
    for workload, scales in fields.mapping("by_workload").items():
        for scale, row in Fields(scales, f"{place}.{workload}").document.items():
            rows[workload, _scale(scale, f"{place}.{workload}")] = _row(row, types, f"{place}.{workload}.{scale}")
    sections = fields.sections("pairs", [])
    of_jobs = bool(sections) and sections[0].has("jobs")
    pairs = {} if of_jobs else _workload_pairs(sections, rows, types)
    rates = np.array(list(rows.values()), dtype=np.float64).reshape(len(rows), len(types))
    profiles = ThroughputProfiles(list(rows), types, rates, unit, source, pairs)
    kept, table, notes = profiles.for_jobs(jobs, types, missing)
    if of_jobs:  # a pair of two jobs needs a row for each job
        cells = np.where(table.known_cells, table.rates, np.nan)
        own = _job_pairs(sections, kept, types)
        table = ThroughputTable(cells, kept.names, types, unit=unit, source=source, pairs=own)
    return kept, table, notes


def _row(row: Any, types: Labels, place: str) -> list[float]:
    """(R,) rates of one row, NaN where nothing is said."""
    found = Fields(row, place).document
    for name in found:
        if name not in types:
            raise UnknownName.among("accelerator", name, types, where=f"{place}.{name}")
    return [_rate(found.get(name), f"{place}.{name}") for name in types]


def _rate(value: Any, place: str) -> float:
    return np.nan if value is None else finite_number(value, place, minimum=0)


def _scale(text: str, place: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise InputError("scale factor is not a whole number", where=place, seen=repr(text), rule='"1", "2", "4", ...')
    return int(text)


def _job_pairs(sections: Sequence[Fields], jobs: JobSet, types: Labels) -> PairTable | None:
    seen: dict[frozenset[int], str] = {}
    members, rates = [], []
    for pair in sections:
        names = _two_names(pair, "jobs")
        at = [_index(jobs.names, name, "job", pair.place("jobs")) for name in names]
        if at[0] == at[1]:
            raise InputError("a job cannot share with itself", where=pair.place("jobs"), seen=names[0])
        _once(seen, frozenset(at), pair)
        members.append(at)
        rates.append(_pair_rates(pair, types))
        pair.done()
    return PairTable(members, rates, len(jobs), len(types)) if members else None


def _workload_pairs(
    sections: Sequence[Fields], rows: Mapping[Key, Any], types: Labels
) -> dict[tuple[Key, Key], FloatArray]:
    seen: dict[frozenset[Key], str] = {}
    found: dict[tuple[Key, Key], FloatArray] = {}
    for pair in sections:
        names = _two_names(pair, "workloads")
        scale = pair.integer("scale_factor", 1, minimum=1)
        first, second = (names[0], scale), (names[1], scale)
        for key in (first, second):
            if key not in rows:
                known = [f"{workload} at {gang}" for workload, gang in rows]
                raise UnknownName.among("workload", f"{key[0]} at {key[1]}", known, where=pair.place("workloads"))
        _once(seen, frozenset((first, second)), pair)
        found[first, second] = np.array(_pair_rates(pair, types), dtype=np.float64).reshape(len(types), 2)
        pair.done()
    return found


def _two_names(pair: Fields, field: str) -> list[str]:
    names = pair.array(field)
    if len(names) != 2 or not all(isinstance(name, str) for name in names):
        raise wrong_type(pair.place(field), names, "a list of two names")
    return names


def _index(labels: Labels, name: str, noun: str, place: str) -> int:
    if name not in labels:
        raise UnknownName.among(noun, name, labels, where=place)
    return labels.index(name)


def _once(seen: dict[Any, str], members: Any, pair: Fields) -> None:
    if members in seen:
        raise InputError("the same pair is given twice", where=f"{seen[members]} and {pair.where}")
    seen[members] = pair.where


def _pair_rates(pair: Fields, types: Labels) -> list[list[float]]:
    """(R, 2) rates of the two members, NaN where nothing is said."""
    given, place = pair.mapping("rates"), pair.place("rates")
    for name, both in given.items():
        if name not in types:
            raise UnknownName.among("accelerator", name, types, where=f"{place}.{name}")
        if both is not None and (not isinstance(both, list) or len(both) != 2):
            raise wrong_type(f"{place}.{name}", both, "a list of two rates")
    return [
        [_rate(rate, f"{place}.{name}[{side}]") for side, rate in enumerate(given.get(name) or [None, None])]
        for name in types
    ]


def throughputs_document(instance: Instance) -> dict[str, Any]:
    """``throughputs`` as it stands in a native document: by workload where the table is kept that way, else by job."""
    table = instance.throughputs
    document: dict[str, Any] = {"unit": table.unit}
    if table.source:
        document["source"] = table.source
    keys = workload_keys(instance)
    if keys is not None:
        by_workload: dict[str, dict[str, Any]] = {}
        for row, (workload, scale) in keys.items():
            by_workload.setdefault(workload, {})[str(scale)] = _cells(table.rows[row], table.known[row], table)
        document["by_workload"] = by_workload
    else:
        document["rates"] = {
            name: _cells(rates, known, table)
            for name, rates, known in zip(table.jobs, table.rates, table.known_cells, strict=True)
        }
    pairs = _pairs_document(table, keys)
    if pairs:
        document["pairs"] = pairs
    return document


def workload_keys(instance: Instance) -> dict[int, Key] | None:
    """{row: (workload, scale factor)} in order of first use, or None where rows and keys do not match one to one."""
    jobs, kind = instance.jobs, instance.throughputs.kind
    if kind is None or jobs.workload is None or None in jobs.workload or not len(jobs):
        return None
    used = dict.fromkeys(zip(kind.tolist(), jobs.workload, jobs.scale_factor.tolist(), strict=True))
    keys = {row: (str(workload), scale) for row, workload, scale in used}
    pairs = () if instance.throughputs.pairs is None else instance.throughputs.pairs.members.tolist()
    one_gang = all(keys[a][1] == keys[b][1] for a, b in pairs if a in keys and b in keys)
    return keys if one_gang and len(keys) == len(used) == len(set(keys.values())) else None


def _cells(rates: FloatArray, known: Any, table: ThroughputTable) -> dict[str, float]:
    return {
        name: float(rate) for name, rate, is_known in zip(table.accelerators, rates, known, strict=True) if is_known
    }


def _pairs_document(table: ThroughputTable, keys: Mapping[int, Key] | None) -> list[dict[str, Any]]:
    if table.pairs is None:
        return []
    found: list[dict[str, Any]] = []
    for (first, second), rates in zip(table.pairs.members.tolist(), table.pairs.rates, strict=True):
        both: dict[str, list[float | None]] = {
            name: [None if np.isnan(rate) else float(rate) for rate in cell]
            for name, cell in zip(table.accelerators, rates, strict=True)
            if not np.isnan(cell).all()
        }
        if keys is None:
            found += [{"jobs": names, "rates": both} for names in _job_names(table, first, second)]
        elif first in keys and second in keys:
            (a, scale), (b, _) = keys[first], keys[second]
            found.append({"workloads": [a, b], "scale_factor": scale, "rates": both})
    return found


def _job_names(table: ThroughputTable, first: int, second: int) -> list[list[str]]:
    """Every two jobs that follow the two rows, each unordered pair once."""
    kind = np.arange(len(table.jobs)) if table.kind is None else table.kind
    ones, others = np.flatnonzero(kind == first), np.flatnonzero(kind == second)
    return [[table.jobs[a], table.jobs[b]] for a in ones for b in others if first != second or a < b]
