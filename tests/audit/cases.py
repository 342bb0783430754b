"""Small instances for audits by hand, and questions from Gavel's measured tables."""

from __future__ import annotations

from pathlib import Path

import gavelopt as go
from tests.gavel.instances import draw

TABLES = ("simulation", "physical_cluster")


def two_types(rates: object, count: object = (1, 1), **columns: object) -> go.Instance:
    """Jobs a, b, c, ... on types fast and slow."""
    names = list("abcdefgh")[: len(rates)]  # type: ignore[arg-type]
    return go.Instance.from_arrays(rates, count, jobs=names, accelerators=["fast", "slow"], **columns)


def held(instance: go.Instance, rows: dict[str, list[float]]) -> go.Allocation:
    """The allocation with these rows of the matrix; other jobs hold nothing."""
    import pandas as pd

    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(instance.cluster.accelerators))
    return go.Allocation.from_frame(instance, frame)


def measured(
    folder: Path, table: str, jobs: int, cluster: str, *, new: bool = True, weighted: bool = False
) -> go.Instance:
    """Jobs drawn from a measured table; new: nothing has started yet; weighted: a fifth has weight 5."""
    plain = draw(folder / "gavel" / f"{table}_throughputs.json", jobs, cluster, seed=jobs, runnable=True)
    return go.Instance.from_arrays(
        plain.rates,
        plain.count,
        scale=plain.scale.astype(int),
        weight=plain.weight if weighted else None,
        steps=plain.steps,
        elapsed_s=None if new else plain.elapsed,
        isolated_elapsed_s=None if new else plain.isolated_elapsed,
        accelerators=plain.types,
        cost_per_hour=(2.48, 1.46, 0.9),
    )


def said(subject: object) -> str:
    """What ``print`` shows, in one line: terminals break sentences where they like."""
    return " ".join(str(subject).split())
