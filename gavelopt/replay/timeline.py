"""What every replay leaves behind, whatever it replays: pieces of work that arrive and complete on one clock.

The clock counts seconds from time 0 of the trace. Work enters when it arrives (in rounds: at the next boundary); a piece
that never completes has NaN. ``Completions`` is all that requests have; jobs on a cluster also leave a log (``Timeline``).
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gavelopt.labels import Labels
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.cluster import Cluster
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


class Completions(ABC):
    """N pieces of work with their arrivals and completions, seconds."""

    ROWS: ClassVar[str] = "jobs"  # what the pieces of work are called

    @property
    @abstractmethod
    def arrival_s(self) -> FloatArray:
        """(N,) when each piece of work arrived."""

    @property
    @abstractmethod
    def completed_s(self) -> FloatArray:
        """(N,) when each was done; NaN for never."""

    @property
    @abstractmethod
    def counted(self) -> Any:
        """Which of them the statistics are about: a (N,) mask or a slice."""

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """The figures of the replay as plain Python."""

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """One row a piece of work."""

    @cached_property
    def finished(self) -> BoolArray:
        """(N,) those that were done."""
        return ~np.isnan(self.completed_s)

    @cached_property
    def jct_s(self) -> FloatArray:
        """(N,) completion times: finish - arrival, NaN for never."""
        return np.asarray(self.completed_s - self.arrival_s)

    @cached_property
    def _done(self) -> FloatArray:
        """Completion times of the counted work that was done."""
        return np.asarray(self.jct_s[self.counted][self.finished[self.counted]])

    @property
    def mean_jct_s(self) -> float:
        """Mean completion time of the counted work that was done; NaN where none was."""
        return float(self._done.mean()) if len(self._done) else float("nan")

    @property
    def makespan_s(self) -> float:
        """Seconds from the first arrival to the last completion."""
        if not self.finished.any():
            return float("nan")
        return float(np.nanmax(self.completed_s) - self.arrival_s.min())

    def percentile(self, q: float | Sequence[float]) -> Any:
        """Percentiles (0 to 100) of the completion times in seconds."""
        return np.percentile(self._done, q) if len(self._done) else np.full(np.shape(q), np.nan)

    def cdf(self) -> tuple[FloatArray, FloatArray]:
        """(completion times in rising order, share of the counted work that was done within each)."""
        done = np.sort(self._done)
        return done, np.arange(1, len(done) + 1) / max(len(done), 1)

    def to_dict(self) -> dict[str, Any]:
        """The figures and the rows as plain Python, ready for JSON."""
        return {"summary": self.summary(), self.ROWS: self.to_frame().reset_index().to_dict("records")}

    def save(self, path: str | Path) -> Path:
        """Write the replay; the ending decides: .json figures and rows, .csv or .parquet one row a job (or request)."""
        return late("save")(self, path)  # type: ignore[no-any-return]

    def plot(self, path: str | Path | None = None) -> Any:
        """CDF of completion times, utilisation over time, and the Gantt chart where there is one (extra ``plot``)."""
        return late("plot")(self, path)

    def __str__(self) -> str:
        return late("text")(self)  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Timeline(Completions):
    """Jobs on a cluster: also who held what, and when.

    scheduler, mode: what was replayed. finish_s, start_s: (J,) when each job was done and when it first ran, NaN for never.
    preemptions: (J,) times a running job lost its accelerators or moved. log: who held what. round_s: None where time is
    not cut into rounds. solves, solve_s: how often the policy was solved, and the seconds that took; seconds: of it all.
    """

    scheduler: str
    mode: str
    finish_s: FloatArray
    start_s: FloatArray
    preemptions: IntArray
    log: Log
    round_s: float | None = None
    seed: int = 0
    solves: int = 0
    solve_s: float = 0.0
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    @abstractmethod
    def names(self) -> Labels:
        """The jobs."""

    @property
    @abstractmethod
    def cluster(self) -> Cluster:
        """The accelerators."""

    @property
    @abstractmethod
    def work(self) -> FloatArray:
        """(J,) steps (elastic: scale-invariant iterations) of each job; ``log.steps`` adds up to it."""

    @property
    @abstractmethod
    def ideal_s(self) -> FloatArray:
        """(J,) seconds that each job would take alone where it runs fastest; infinite where it can run nowhere."""

    @property
    def completed_s(self) -> FloatArray:
        """(J,) when each job was done; NaN for never."""
        return self.finish_s

    @property
    def counted(self) -> Any:
        """All jobs."""
        return slice(None)

    @cached_property
    def queueing_s(self) -> FloatArray:
        """(J,) seconds from arrival to the first start."""
        return np.asarray(self.start_s - self.arrival_s)

    @cached_property
    def utilization(self) -> FloatArray:
        """(R,) share of each type in use between the first arrival and the last completion; NaN for a type of none."""
        return np.asarray(self.usage(1)[1][0])

    def usage(self, bins: int = 200) -> tuple[FloatArray, FloatArray]:
        """Utilisation over time: (bins + 1,) edges in seconds, (bins, R) share of each type in use, exact means."""
        from gavelopt.replay.metrics import usage_over_time

        return usage_over_time(self, bins)

    @property
    def cost(self) -> float | None:
        """Money for the accelerators while they were held; None where a price of a type in use is unknown."""
        prices, log = self.cluster.cost_per_hour, self.log
        if prices is None or np.isnan(prices[log.accelerator]).any():
            return None
        hours = log.accelerators_held * (log.end_s - log.start_s) / 3600.0
        return float(hours @ prices[log.accelerator])

    @cached_property
    def devices(self) -> tuple[tuple[int, ...], ...]:
        """For each segment of the log, the numbers of the accelerators within their type. Raises InputError in fluid mode."""
        from gavelopt.replay.devices import assign_devices

        return assign_devices(self.log, self.cluster)

    def __repr__(self) -> str:
        done = f"{int(self.finished.sum())} of {len(self.finished)} jobs"
        figures = f"mean JCT {self.mean_jct_s:.6g} s, makespan {self.makespan_s:.6g} s"
        return f"{type(self).__name__}({self.scheduler}, {self.mode}, {done}, {figures})"
