"""Microsoft's Philly trace as re-published: runtimes alone, or the per-job summary that Pollux drew its workloads from.

    runtime                                              seconds, one column (Alibaba's copy)
    timestamp, duration, num_gpus, gpu_time, cluster     Pollux's copy: submission, seconds, GPUs, GPU seconds, virtual cluster

No throughputs: a job is its duration on one type, so steps are seconds at rate 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gavelopt.errors import InputError
from gavelopt.io.documents import named, refuse_no_file
from gavelopt.model.arrays import FloatArray
from gavelopt.model.instance import Instance

SUMMARY = ("timestamp", "duration", "num_gpus")


def read_philly_runtimes(path: str | Path) -> FloatArray:
    """(N,) runtimes in seconds, of either file. Raises InputError for other columns or a runtime that is no number >= 0."""
    import pandas as pd

    file = Path(path)
    refuse_no_file(file)
    with named(file):
        frame = pd.read_csv(file)
        column = next((name for name in ("runtime", "duration") if name in frame), None)
        if column is None:
            raise InputError(
                "no column of runtimes", seen=", ".join(map(str, frame.columns)), rule="runtime or duration"
            )
        values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float)
        bad = ~(np.isfinite(values) & (values >= 0))
        if bad.any():
            at = int(np.argmax(bad))
            raise InputError(f"{column} must be seconds >= 0", where=f"row {at + 1}", seen=repr(frame[column].iloc[at]))
        return np.asarray(values)


def read_philly_jobs(path: str | Path, accelerators: int) -> Instance:
    """Pollux's summary as a trace on ``accelerators`` GPUs of one type "gpu"; arrivals count from the first job.

    Jobs without a runtime or without GPUs are left out, which the instance's notes say.

    Raises:
        InputError: columns missing, a timestamp that cannot be read.
    """
    import pandas as pd

    file = Path(path)
    refuse_no_file(file)
    with named(file):
        frame = pd.read_csv(file)
        lacking = [name for name in SUMMARY if name not in frame]
        if lacking:
            raise InputError(f"column {lacking[0]!r} is missing", rule=", ".join(SUMMARY))
        able = (frame["duration"] > 0) & (frame["num_gpus"] > 0)
        kept = frame[able]
        try:
            stamp = pd.to_datetime(kept["timestamp"], format="ISO8601")
        except (ValueError, TypeError) as error:
            raise InputError("timestamp must be times", seen=str(error).splitlines()[0][:120]) from error
        order = np.argsort(stamp.to_numpy(), kind="stable")
        arrival = (stamp - stamp.min()).dt.total_seconds().to_numpy(dtype=float)[order]
        instance = Instance.from_arrays(
            [[1.0]],
            [accelerators],
            kind=np.zeros(len(kept), dtype=np.int64),
            scale=kept["num_gpus"].to_numpy()[order],
            steps=kept["duration"].to_numpy(dtype=float)[order],
            arrival_s=arrival,
            accelerators=["gpu"],
            source="Philly",
        )
        left_out = len(frame) - len(kept)
        return instance.replace(
            name=file.stem, notes=(f"{left_out} job(s) without runtime or GPUs left out",) * bool(left_out)
        )
