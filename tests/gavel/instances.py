"""Instances drawn from Gavel's measured tables as plain arrays, read by a loader of the tests' own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import gavelopt as go

Array = NDArray[np.float64]

TYPES = ("v100", "p100", "k80")
KEY = re.compile(r"\('(.*)', (\d+)\)")
GANGS, GANG_ODDS = (1, 2, 4, 8), (0.70, 0.10, 0.15, 0.05)  # Gavel's generator


@dataclass(frozen=True)
class Plain:
    """One question as bare arrays: rates (J, R) as measured, count (R,), scale, weight, steps, elapsed seconds (J,)."""

    rates: Array
    count: Array
    scale: Array
    weight: Array
    steps: Array
    elapsed: Array
    isolated_elapsed: Array
    types: tuple[str, ...] = TYPES

    @property
    def effective(self) -> Array:
        """(J, R) rates, 0 where the gang is larger than the type's count or the rate is unknown."""
        known = np.nan_to_num(self.rates)
        return np.where(self.scale[:, None] <= self.count[None, :], known, 0.0)

    def instance(self) -> go.Instance:
        """The same question in the library's nouns."""
        return go.Instance.from_arrays(
            self.rates,
            self.count,
            scale=self.scale.astype(int),
            weight=self.weight,
            steps=self.steps,
            elapsed_s=self.elapsed,
            isolated_elapsed_s=self.isolated_elapsed,
            accelerators=self.types,
        )


@cache
def table(path: Path) -> dict[int, list[list[float]]]:
    """Isolated rates in the order of TYPES: {scale factor: [rates of one job type, ...]}."""
    raw = json.loads(path.read_text())
    rows: dict[int, list[list[float]]] = {gang: [] for gang in GANGS}
    for key in raw[TYPES[0]]:
        match = KEY.fullmatch(key)
        assert match, key
        rows[int(match[2])].append([raw[name][key]["null"] for name in TYPES])
    return rows


def draw(
    path: Path,
    jobs: int,
    cluster: str,
    seed: int = 0,
    *,
    runnable: bool = False,
    decades: tuple[float, float] = (3.0, 8.0),
) -> Plain:
    """``jobs`` jobs with Gavel's mix of gangs, 20 % of weight 5, half of them running, on ``v100:p100:k80`` counts.

    runnable: only jobs that can run somewhere on this cluster; decades: range of the steps, as powers of ten.
    """
    rng = np.random.default_rng(seed)
    measured = table(path)
    count = np.array([float(part) for part in cluster.split(":")])
    gangs = [g for g in GANGS if not runnable or g <= count.max()]
    odds = np.array([p for g, p in zip(GANGS, GANG_ODDS, strict=True) if g in gangs])
    scale = rng.choice(gangs, jobs, p=odds / odds.sum())
    scale[: len(gangs)] = gangs  # every gang size occurs
    rates = np.empty((jobs, len(TYPES)))
    for position, gang in enumerate(scale):
        rows = [r for r in measured[int(gang)] if not runnable or (np.array(r) * (gang <= count)).any()]
        rates[position] = rows[rng.integers(len(rows))]
    weight = np.where(rng.random(jobs) < 0.2, 5.0, 1.0)
    steps = np.rint(10 ** rng.uniform(*decades, jobs))
    elapsed = np.where(rng.random(jobs) < 0.5, 0.0, 10 ** rng.uniform(2, 5, jobs))
    isolated_elapsed = elapsed * rng.uniform(0, 1, jobs)
    return Plain(rates, count, scale.astype(float), weight, steps, elapsed, isolated_elapsed)
