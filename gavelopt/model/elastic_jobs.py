"""Elastic jobs in columns: how fast they compute and synchronise, how noisy their gradients are, what they may use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gavelopt.errors import InputError
from gavelopt.labels import Labels
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray, as_floats, positions, read_only, vector, whole
from gavelopt.model.goodput import PERF

MOST_REPLICAS = 64  # Pollux's own cap


@dataclass(frozen=True, eq=False)
class ElasticJobs:
    """J elastic jobs; every column is (J,) unless it says otherwise, and one number stands for all.

    Args:
        names: unique names, or a number of jobs (then j0, j1, ...).
        perf: (J, R, 7) alpha_c, beta_c, alpha_n, beta_n, alpha_r, beta_r (seconds), gamma on each of R accelerator types;
            (J, 7) for a cluster of one type. A type whose parameters are all NaN is one the job cannot run on.
        grad_sqr, grad_var: squared norm and variance of the gradient at the initial batch size, >= 0.
        init_batch_size, max_batch_size: M0 and M_max, samples an update.
        min_batch_size: smallest total batch allowed, >= M0; default M0. Equal to max_batch_size it fixes the batch size
            (a job that scales but does not adapt its batch, "strong scaling").
        local_batch_min, local_batch_max: samples a replica holds at once.
        min_replicas, max_replicas: replicas the job may run with, unless it gets none at all. Default 1 and 64.
        gpus_per_replica: GPUs of one replica (the stages of a pipeline). Default 1.
        accumulate: whether gradients may be accumulated over several micro-batches. Default True.
        preemptible: False keeps a job that holds GPUs exactly where it is. Default True.
        age_s, restarts, restart_s: seconds since arrival (NaN where unknown), restarts so far, seconds that one restart
            costs. Default unknown, 0, 30.

    Raises:
        InputError: a wrong shape, a value out of range (named by job), limits that contradict each other.
    """

    names: Labels
    perf: FloatArray
    grad_sqr: FloatArray
    grad_var: FloatArray
    init_batch_size: IntArray
    max_batch_size: IntArray
    min_batch_size: IntArray
    local_batch_min: IntArray
    local_batch_max: IntArray
    min_replicas: IntArray
    max_replicas: IntArray
    gpus_per_replica: IntArray
    accumulate: BoolArray
    preemptible: BoolArray
    age_s: FloatArray
    restarts: IntArray
    restart_s: FloatArray

    COLUMNS = (
        *("perf", "grad_sqr", "grad_var", "init_batch_size", "max_batch_size", "min_batch_size"),
        *("local_batch_min", "local_batch_max", "min_replicas", "max_replicas", "gpus_per_replica"),
        *("accumulate", "preemptible", "age_s", "restarts", "restart_s"),
    )

    def __init__(
        self,
        names: Iterable[str] | int,
        perf: object,
        *,
        grad_sqr: object,
        grad_var: object,
        init_batch_size: object,
        max_batch_size: object,
        local_batch_max: object,
        local_batch_min: object = None,
        min_batch_size: object = None,
        min_replicas: object = None,
        max_replicas: object = None,
        gpus_per_replica: object = None,
        accumulate: object = True,
        preemptible: object = True,
        age_s: object = None,
        restarts: object = None,
        restart_s: object = None,
    ) -> None:
        labels = (
            Labels.numbered("j", int(names), "job") if isinstance(names, (int, np.integer)) else Labels(names, "job")
        )
        count = len(labels)
        columns: dict[str, object] = {"names": labels, "perf": _perf(perf, labels)}
        for name, value in (("grad_sqr", grad_sqr), ("grad_var", grad_var)):
            columns[name] = vector(value, count, name, labels, default=0.0)
        columns["age_s"] = vector(age_s, count, "age_s", labels, missing=True, default=np.nan)
        columns["restart_s"] = vector(restart_s, count, "restart_s", labels, default=30.0)
        smallest = init_batch_size if min_batch_size is None else min_batch_size
        wholes = {
            "init_batch_size": init_batch_size,
            "max_batch_size": max_batch_size,
            "min_batch_size": smallest,
            "local_batch_min": local_batch_min,
            "local_batch_max": local_batch_max,
            "min_replicas": min_replicas,
            "max_replicas": MOST_REPLICAS if max_replicas is None else max_replicas,
            "gpus_per_replica": gpus_per_replica,
        }
        columns |= {name: whole(value, count, name, labels) for name, value in wholes.items()}
        columns["restarts"] = whole(restarts, count, "restarts", labels, minimum=0)
        for name, value in (("accumulate", accumulate), ("preemptible", preemptible)):
            columns[name] = read_only(np.broadcast_to(np.asarray(value, dtype=bool), (count,)).copy())
        for name, column in columns.items():
            object.__setattr__(self, name, column)
        for low, high in (
            ("init_batch_size", "min_batch_size"),
            ("min_batch_size", "max_batch_size"),
            ("local_batch_min", "local_batch_max"),
            ("min_replicas", "max_replicas"),
        ):
            self._ordered(low, high)

    def _ordered(self, low: str, high: str) -> None:
        wrong = getattr(self, low) > getattr(self, high)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise InputError(
                f"{high} is smaller than {low}",
                where=f"job {self.names[at]!r}",
                seen=f"{int(getattr(self, high)[at])} < {int(getattr(self, low)[at])}",
                rule=f"{low} <= {high}",
            )

    @property
    def most_replicas(self) -> IntArray:
        """(J,) replicas beyond which every replica would hold less than its smallest local batch."""
        return np.asarray(np.minimum(self.max_replicas, np.maximum(self.max_batch_size // self.local_batch_min, 1)))

    def take(self, rows: object) -> ElasticJobs:
        """The jobs at the given positions (or where a boolean mask holds), in that order."""
        at = positions(len(self), rows)
        return ElasticJobs([self.names[i] for i in at], **{name: getattr(self, name)[at] for name in self.COLUMNS})

    def replace(self, **changes: object) -> ElasticJobs:
        """A copy with some columns replaced."""
        columns = {name: changes.get(name, getattr(self, name)) for name in ("names", *self.COLUMNS)}
        return ElasticJobs(**columns)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"ElasticJobs({len(self)} jobs)"


def _perf(values: object, labels: Labels) -> FloatArray:
    """(J, R, 7), checked: finite and >= 0, gamma >= 1, or all seven NaN."""
    table = as_floats(values, "perf")
    table = table[:, None, :] if table.ndim == 2 else table
    if table.ndim != 3 or table.shape[0] != len(labels) or table.shape[2] != len(PERF):
        raise InputError(
            "perf has the wrong shape", seen=table.shape, rule=f"({len(labels)}, accelerator types, {len(PERF)})"
        )
    runs = np.asarray(~np.isnan(table).all(axis=2))
    bad = runs[:, :, None] & ~(np.isfinite(table) & (table >= 0))
    bad[:, :, -1] |= runs & ~(table[:, :, -1] >= 1)
    idle = runs & (table[:, :, 0] + table[:, :, 1] <= 0)  # an iteration must take time
    bad[:, :, 1] |= idle
    if bad.any():
        job, kind, which = (int(i[0]) for i in np.nonzero(bad))
        raise InputError(
            f"perf parameter {PERF[which]} out of range",
            where=f"job {labels[job]!r}, accelerator number {kind + 1}",
            seen=float(table[job, kind, which]),
            rule="seconds >= 0, alpha_c + beta_c > 0, gamma >= 1; or all seven NaN where the job cannot run",
        )
    return read_only(table)
