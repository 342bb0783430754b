"""Questions with space sharing as plain arrays: drawn from Gavel's measured tables, or given by hand.

The tables are read here by a loader of the tests' own; every pair of jobs with equal gangs is listed on every type, whether
it can help or not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import gavelopt as go
from gavelopt.io.sources import profiles_from
from tests.gavel.instances import GANG_ODDS, GANGS, KEY, TYPES, Array, Plain

COST = np.array([3.1, 2.0, 0.8])  # of v100, p100, k80 in Gavel's unit tests
Key = tuple[str, int]


@dataclass(frozen=True)
class Pairs:
    """N pair columns: first < second job (N, 2), type (N,), rates of both (N, 2)."""

    members: np.ndarray
    column: np.ndarray
    rates: Array

    def __len__(self) -> int:
        return len(self.members)

    def look_up(self) -> dict[tuple[int, int, int], tuple[float, float]]:
        """{(first, second, type): rates}."""
        names = np.column_stack([self.members, self.column]).tolist()
        return {(a, b, j): (x, y) for (a, b, j), (x, y) in zip(names, self.rates.tolist(), strict=True)}


@dataclass(frozen=True)
class Question:
    """Plain arrays, all pairs of jobs that may share, and the workloads where the rates come from a table."""

    plain: Plain
    pairs: Pairs
    keys: tuple[Key, ...] = ()
    path: Path | None = None
    columns: dict[str, Any] = field(default_factory=dict)  # further columns of the job set
    entities: tuple[go.Entity, ...] = ()

    def instance(self) -> go.Instance:
        """In the library's nouns: through its own reader where there is a table, else straight from the arrays."""
        p = self.plain
        given = {
            "scale_factor": p.scale.astype(int),
            "weight": p.weight,
            "steps": p.steps,
            "elapsed_s": p.elapsed,
            "isolated_elapsed_s": p.isolated_elapsed,
            **self.columns,
        }
        cluster = go.Cluster(p.types, p.count, COST[: len(p.types)])
        if self.path is not None:
            jobs = go.JobSet(len(p.scale), workload=[name for name, _ in self.keys], **given)
            kept, table, _ = profiles_from(self.path).for_jobs(jobs, p.types)
            return go.Instance(cluster, kept, table, self.entities)
        jobs = go.JobSet(len(p.scale), **given)
        measured = go.ThroughputTable(p.rates, jobs.names, p.types, pairs=self._table())
        return go.Instance(cluster, jobs, measured, self.entities)

    def _table(self) -> go.PairTable | None:
        """The pairs by job: one table row a couple, NaN on types where it was not measured."""
        couples = np.unique(self.pairs.members, axis=0).reshape(-1, 2)
        if not len(couples):
            return None
        rates = np.full((len(couples), len(self.plain.types), 2), np.nan)
        place = {(a, b): row for row, (a, b) in enumerate(couples.tolist())}
        for (a, b), j, both in zip(self.pairs.members.tolist(), self.pairs.column, self.pairs.rates, strict=True):
            rates[place[a, b], j] = both
        return go.PairTable(couples, rates, len(self.plain.scale), len(self.plain.types))


@cache
def table(path: Path) -> tuple[dict[Key, list[float]], dict[tuple[Key, Key], list[list[float]]]]:
    """Rates alone and of ordered pairs, in the order of TYPES."""
    raw = json.loads(path.read_text())

    def key(text: str) -> Key:
        match = KEY.fullmatch(text)
        assert match, text
        return match[1], int(match[2])

    alone, together = {}, {}
    for text, row in raw[TYPES[0]].items():
        alone[key(text)] = [raw[name][text]["null"] for name in TYPES]
        for partner in row:
            if partner != "null":
                together[key(text), key(partner)] = [raw[name][text][partner] for name in TYPES]
    return alone, together


def draw(
    path: Path, jobs: int, cluster: str, seed: int = 0, *, gangs: tuple[int, ...] = GANGS, kinds: int | None = None
) -> Question:
    """``jobs`` runnable jobs with Gavel's mix of gangs (or only ``gangs``), one in five of weight 5, half of them started.

    kinds: draw from so many keys only, with steps and times from short lists, so that many jobs are alike.
    """
    rng = np.random.default_rng(seed)
    alone, _ = table(path)
    count = np.array([float(part) for part in cluster.split(":")])
    sizes = np.array([g for g in gangs if g <= count.max()])
    odds = np.array([GANG_ODDS[GANGS.index(g)] for g in sizes])
    scale = rng.choice(sizes, jobs, p=odds / odds.sum())
    scale[: len(sizes)] = sizes  # every gang size occurs
    able = {g: [k for k in alone if k[1] == g and (np.array(alone[k]) * (g <= count)).any()] for g in sizes.tolist()}
    able = {g: [keys[i] for i in rng.permutation(len(keys))[:kinds]] for g, keys in able.items()}
    keys = tuple(able[g][rng.integers(len(able[g]))] for g in scale.tolist())
    weight = np.where(rng.random(jobs) < 0.2, 5.0, 1.0)
    seconds = 10 ** rng.uniform(3, 5, jobs) if kinds is None else rng.choice([1e4, 3e4], jobs)
    rates = np.array([alone[key] for key in keys])
    steps = np.maximum(1.0, np.rint(seconds * rates.max(axis=1)))
    started = np.where(rng.random(jobs) < 0.5, 0.0, 10 ** rng.uniform(2, 5, jobs) if kinds is None else 3600.0)
    plain = Plain(rates, count, scale.astype(float), weight, steps, started, 0.5 * started)
    return Question(plain, pairs_of(path, keys, count), keys, path)


def pairs_of(path: Path, keys: tuple[Key, ...], count: Array) -> Pairs:
    """Every pair of jobs of equal gangs on every type with room for the gang."""
    _, together = table(path)
    members, column, rates = [], [], []
    for a in range(len(keys)):
        for b in range(a + 1, len(keys)):
            for j, both in enumerate(together.get((keys[a], keys[b]), ())):
                if keys[a][1] <= count[j]:
                    members.append((a, b))
                    column.append(j)
                    rates.append(both)
    return Pairs(np.array(members, int).reshape(-1, 2), np.array(column, int), np.array(rates, float).reshape(-1, 2))


def by_hand(
    rates: Any,
    count: Any,
    pairs: dict[tuple[int, int], Any] | None = None,
    *,
    scale: Any = None,
    weight: Any = None,
    steps: Any = None,
    elapsed: Any = None,
    isolated_elapsed: Any = None,
    **columns: Any,
) -> Question:
    """A small question: ``pairs`` is {(first, second): (R, 2) rates}, NaN where the two cannot share."""
    table_, counts = np.array(rates, dtype=float), np.array(count, dtype=float)
    jobs = len(table_)

    def column(values: Any, default: float) -> Array:
        return np.full(jobs, default) if values is None else np.array(values, dtype=float)

    plain = Plain(
        table_,
        counts,
        column(scale, 1.0),
        column(weight, 1.0),
        column(steps, 1000.0),
        column(elapsed, 0.0),
        column(isolated_elapsed, 0.0),
        tuple(TYPES[: len(counts)]),
    )
    listed = [
        ((a, b), j, both)
        for (a, b), row in (pairs or {}).items()
        for j, both in enumerate(np.array(row, dtype=float))
        if plain.scale[a] == plain.scale[b] <= counts[j] and not np.isnan(both).any()
    ]
    members = np.array([m for m, _, _ in listed], int).reshape(-1, 2)
    place = np.array([j for _, j, _ in listed], int)
    both = np.array([r for _, _, r in listed], float).reshape(-1, 2)
    return Question(plain, Pairs(members, place, both), columns=columns)
