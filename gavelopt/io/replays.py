"""A replay in a file: JSON (``gavelopt-replay/1``) with the figures and the jobs, or a table with one row a job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavelopt.io.frames import write_frame
from gavelopt.io.results import plain_json
from gavelopt.io.write import target_form, write_json

if TYPE_CHECKING:
    from gavelopt.replay.result import Replay

FORMAT = "gavelopt-replay/1"


def replay_document(replay: Replay) -> dict[str, Any]:
    """The figures and the jobs, in JSON's own types."""
    return {"format": FORMAT, **{key: plain_json(value) for key, value in replay.to_dict().items()}}


def save_replay(replay: Replay, path: str | Path) -> Path:
    """Write a replay and return the path: .json all of it; .csv, .tsv, .parquet one row a job.

    Raises:
        InputError: an unknown ending, or no such folder.
    """
    file = Path(path)
    if target_form(file) == ".json":
        return write_json(replay_document(replay), file)
    return write_frame(replay.to_frame().reset_index(), file)
