"""The result of a replay: what became of every job, and everything that follows from the log."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.instance import Instance
from gavelopt.replay import metrics
from gavelopt.replay.log import Log

if TYPE_CHECKING:
    import pandas as pd

# Presentation lives in a later layer; it is bound by name when first asked for.
LATE = {
    "text": "gavelopt.report.replay:replay_text",
    "plot": "gavelopt.report.replay_plots:plot_replay",
    "save": "gavelopt.io.replays:save_replay",
}


def late(name: str) -> Callable[..., Any]:
    """The function that stands behind a late-bound name."""
    module, _, attribute = LATE[name].partition(":")
    return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Replay:
    """Completion times of J jobs under one scheduler.

    finish_s, start_s: (J,) when each job was done and when it first ran, seconds on the trace's clock; NaN for never.
    preemptions: (J,) times a running job lost its accelerators or moved. log: who held what.
    round_s, restart_s: as asked; round_s is None where time is not cut into rounds.
    promised_s, received_s: (J, R) seconds of each type that the policy's X promised while it stood, and seconds held;
    None for queue disciplines, which promise nothing.
    kept, renewable: rounds in which a job that ran before kept its accelerators, of those in which it might have.
    passing: whether a job may run while one before it in the queue waits (of disciplines).
    solves, solve_s: how often the policy was solved, and the seconds that took.
    """

    instance: Instance
    scheduler: str
    mode: str
    finish_s: FloatArray
    start_s: FloatArray
    preemptions: IntArray
    log: Log
    round_s: float | None = None
    restart_s: float = 0.0
    seed: int = 0
    promised_s: FloatArray | None = None
    received_s: FloatArray | None = None
    kept: int = 0
    renewable: int = 0
    passing: bool = True
    solves: int = 0
    solve_s: float = 0.0
    seconds: float = 0.0
    warnings: tuple[str, ...] = field(default=())

    @cached_property
    def finished(self) -> BoolArray:
        """(J,) jobs that were done."""
        return ~np.isnan(self.finish_s)

    @cached_property
    def jct_s(self) -> FloatArray:
        """(J,) job completion times: finish - arrival, NaN for never."""
        return np.asarray(self.finish_s - self.instance.jobs.arrival_s)

    @cached_property
    def queueing_s(self) -> FloatArray:
        """(J,) seconds from arrival to the first start."""
        return np.asarray(self.start_s - self.instance.jobs.arrival_s)

    @cached_property
    def ideal_s(self) -> FloatArray:
        """(J,) seconds the job would take alone on its fastest type; infinite where it can run nowhere."""
        return metrics.ideal_seconds(self.instance)

    @cached_property
    def rho(self) -> FloatArray:
        """(J,) finish-time fairness: JCT / time on an isolated 1/N share, N the mean number of jobs present meanwhile."""
        return metrics.finish_time_fairness(self)

    @property
    def mean_jct_s(self) -> float:
        """Mean completion time of the jobs that finished; NaN where none did."""
        return float(self.jct_s[self.finished].mean()) if self.finished.any() else float("nan")

    @property
    def makespan_s(self) -> float:
        """Seconds from the first arrival to the last completion."""
        if not self.finished.any():
            return float("nan")
        return float(np.nanmax(self.finish_s) - self.instance.jobs.arrival_s.min())

    def percentile(self, q: float | Sequence[float]) -> Any:
        """Percentiles (0 to 100) of the completion times in seconds."""
        done = self.jct_s[self.finished]
        return np.percentile(done, q) if len(done) else np.full(np.shape(q), np.nan)

    def cdf(self) -> tuple[FloatArray, FloatArray]:
        """(completion times in rising order, share of the finished jobs done within each)."""
        done = np.sort(self.jct_s[self.finished])
        return done, np.arange(1, len(done) + 1) / max(len(done), 1)

    @cached_property
    def utilization(self) -> FloatArray:
        """(R,) share of each type in use between the first arrival and the last completion; NaN for a type of none."""
        return np.asarray(metrics.usage_over_time(self, 1)[1][0])

    def usage(self, bins: int = 200) -> tuple[FloatArray, FloatArray]:
        """Utilisation over time: (bins + 1,) edges in seconds, (bins, R) share of each type in use, exact means."""
        return metrics.usage_over_time(self, bins)

    @property
    def cost(self) -> float | None:
        """Money for the accelerators while they were held; None where a price of a type in use is unknown."""
        return metrics.cost(self)

    @cached_property
    def late(self) -> BoolArray:
        """(J,) jobs whose deadline passed before they were done (deadlines count from time 0 of the trace)."""
        return np.asarray(metrics.late(self))

    @property
    def slo_violations(self) -> int:
        """Number of jobs that missed their deadline."""
        return int(self.late.sum())

    @cached_property
    def deviation_s(self) -> FloatArray | None:
        """(J,) largest difference over the types between the seconds promised by X and those held; see ``rounds.py``."""
        if self.promised_s is None or self.received_s is None:
            return None
        return np.asarray(np.abs(self.promised_s - self.received_s).max(axis=1, initial=0.0))

    @cached_property
    def devices(self) -> tuple[tuple[int, ...], ...]:
        """For each segment of the log, the numbers of the accelerators within their type. Raises InputError in fluid mode."""
        from gavelopt.replay.devices import assign_devices

        return assign_devices(self.log, self.instance)

    def summary(self) -> dict[str, Any]:
        """The figures of the replay as plain Python."""
        return metrics.summary(self)

    def to_frame(self) -> pd.DataFrame:
        """One row a job: times, JCT, queueing delay, rho, preemptions, whether late, seconds on each type."""
        return metrics.job_frame(self)

    def to_dict(self) -> dict[str, Any]:
        """The figures and the jobs as plain Python, ready for JSON."""
        return {"summary": self.summary(), "jobs": self.to_frame().reset_index().to_dict("records")}

    def save(self, path: str | Path) -> Path:
        """Write the replay; the ending decides: .json figures and jobs, .csv or .parquet one row a job."""
        return late("save")(self, path)  # type: ignore[no-any-return]

    def plot(self, path: str | Path | None = None) -> Any:
        """CDF of completion times, utilisation over time, and the Gantt chart where there is one (extra ``plot``)."""
        return late("plot")(self, path)

    def __str__(self) -> str:
        return late("text")(self)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        done = f"{int(self.finished.sum())} of {len(self.finished)} jobs"
        figures = f"mean JCT {self.mean_jct_s:.6g} s, makespan {self.makespan_s:.6g} s"
        return f"Replay({self.scheduler}, {self.mode}, {done}, {figures})"
