"""Recorded requests in the formats in which they are published; the columns decide which one a file is.

t_s, model                                       our own CSV
TIMESTAMP, ContextTokens, GeneratedTokens        Azure LLM inference trace (CSV)
timestamp (ms), input_length, output_length      Mooncake (JSON lines)
gmt_create, checkpoint_model_version_id, ...     Alibaba GenAI diffusion requests (CSV); failed ones are left out
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gavelopt.errors import InputError
from gavelopt.io.documents import ending, named, refuse_no_file
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.replay.request_trace import RequestTrace

if TYPE_CHECKING:
    import pandas as pd


def read_requests(path: str | Path) -> RequestTrace:
    """The requests in a file, by time from the first one.

    Raises:
        InputError: no such file, columns of no known format, a time or number that cannot be read.
    """
    import pandas as pd

    file = Path(path)
    refuse_no_file(file)
    with named(file):
        try:
            frame = pd.read_json(file, lines=True) if ending(file) == ".jsonl" else pd.read_csv(file)
        except (ValueError, UnicodeDecodeError) as error:
            raise InputError("the file is no table of requests", seen=str(error).splitlines()[0][:120]) from error
        for columns, reader in FORMATS.items():
            if set(columns) <= set(frame.columns):
                return reader(frame)
        raise InputError(
            "columns of no known request format",
            seen=", ".join(map(str, frame.columns[:8])),
            rule="; ".join(", ".join(columns) for columns in FORMATS),
        )


def _own(frame: pd.DataFrame) -> RequestTrace:
    time = _numbers(frame, "t_s")
    order = np.argsort(time, kind="stable")
    names = frame["model"].astype(str).to_numpy()
    return RequestTrace(time[order], tuple(names[order].tolist()), source="t_s, model")


def _azure(frame: pd.DataFrame) -> RequestTrace:
    time, order = _clock(frame, "TIMESTAMP")
    prompt, output = _numbers(frame, "ContextTokens"), _numbers(frame, "GeneratedTokens")
    return RequestTrace(time, None, prompt[order], output[order], source="Azure LLM inference trace")


def _mooncake(frame: pd.DataFrame) -> RequestTrace:
    time = _numbers(frame, "timestamp") / 1000.0
    order = np.argsort(time, kind="stable")
    prompt, output = _numbers(frame, "input_length"), _numbers(frame, "output_length")
    start = time.min(initial=np.inf)
    return RequestTrace(time[order] - start, None, prompt[order], output[order], source="Mooncake")


def _diffusion(frame: pd.DataFrame) -> RequestTrace:
    done = frame[frame["predict_status"] == "SUCCEED"]
    done = done[done["checkpoint_model_version_id"].notna()]
    time, order = _clock(done, "gmt_create")
    names = done["checkpoint_model_version_id"].astype(str).to_numpy()[order]
    service = _numbers(done, "exec_time_seconds")[order]
    return RequestTrace(time, tuple(names.tolist()), service_s=service, source="Alibaba GenAI 2026")


FORMATS: dict[tuple[str, ...], Callable[[pd.DataFrame], RequestTrace]] = {
    ("t_s", "model"): _own,
    ("TIMESTAMP", "ContextTokens", "GeneratedTokens"): _azure,
    ("timestamp", "input_length", "output_length"): _mooncake,
    ("gmt_create", "predict_status", "exec_time_seconds", "checkpoint_model_version_id"): _diffusion,
}


def _numbers(frame: pd.DataFrame, column: str) -> FloatArray:
    import pandas as pd

    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float)
    bad = np.isnan(values) & frame[column].notna().to_numpy()
    if bad.any():
        at = int(np.argmax(bad))
        raise InputError(f"{column} must be a number", where=f"row {at + 1}", seen=repr(frame[column].iloc[at]))
    return np.asarray(values)


def _clock(frame: pd.DataFrame, column: str) -> tuple[FloatArray, IntArray]:
    """(seconds from the first, the order that sorts the rows)."""
    import pandas as pd

    try:
        stamp = pd.to_datetime(frame[column], format="ISO8601")
    except (ValueError, TypeError) as error:
        raise InputError(f"{column} must be times", seen=str(error).splitlines()[0][:120]) from error
    seconds = (stamp - stamp.min()).dt.total_seconds().to_numpy(dtype=float)
    order = np.argsort(seconds, kind="stable")
    return seconds[order], order
