"""write_instance: an instance to a file; the ending decides.

    .json               the native gavelopt/1 document: everything, exactly
    .csv .tsv .parquet  a row a job: its columns and its rates, with the cluster and the rest in the header (``frames``)

Each may be packed (.json.gz, .csv.gz). A table has no place for pairs, so an instance with pairs is refused unless the
caller drops them on purpose.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gavelopt.errors import InputError, UnknownName
from gavelopt.io.documents import ending
from gavelopt.io.frames import TABLES, write_frame
from gavelopt.io.kinds import writer_of
from gavelopt.io.tables import JOB_COLUMNS
from gavelopt.io.training import (
    JOB_DEFAULTS,
    JOB_TEXTS,
    cluster_document,
    entities_document,
    training_document,
)
from gavelopt.model.instance import Instance
from gavelopt.model.throughput import ThroughputTable

if TYPE_CHECKING:
    import pandas as pd


def write_instance(instance: Any, path: str | Path, *, pairs: bool = True) -> Path:
    """Write an instance and return the path.

    Args:
        instance: a training Instance; or one of another kind, as native JSON only.
        path: its ending decides: .json, .csv, .tsv, .parquet, with or without .gz (not for Parquet).
        pairs: False drops the rates of jobs that share accelerators.

    Raises:
        InputError: an unknown ending; pairs that a table cannot hold; a folder that does not exist.
    """
    file = Path(path)
    form = target_form(file)
    if isinstance(instance, Instance) and not pairs:
        instance = _without_pairs(instance)
    if form == ".json":
        return write_json(instance_document(instance), file)
    if not isinstance(instance, Instance):
        raise InputError("only training instances fit a table", seen=instance.kind, fix="write .json", where=str(file))
    if instance.throughputs.pairs is not None:
        raise InputError(
            "a table cannot hold the rates of pairs",
            where=str(file),
            seen=f"{len(instance.throughputs.pairs)} pair(s)",
            fix="write .json, or drop them with pairs=False",
        )
    return write_frame(instance_frame(instance), file, instance_header(instance))


def instance_document(instance: Any) -> dict[str, Any]:
    """The native document of an instance of any kind."""
    if isinstance(instance, Instance):
        return training_document(instance)
    return writer_of(instance.kind)(instance)  # type: ignore[no-any-return]


def instance_frame(instance: Instance) -> pd.DataFrame:
    """A row a job: name, job columns that are not at their default, and a column of rates for each accelerator."""
    import pandas as pd

    jobs = instance.jobs
    clash = next((name for name in instance.cluster.accelerators if name in JOB_COLUMNS), None)
    if clash is not None:
        raise InputError(f"accelerator {clash!r} has the name of a job column", fix="write .json")
    columns: dict[str, Any] = {"job": list(jobs.names)}
    for name in JOB_TEXTS:
        if getattr(jobs, name) is not None:
            columns[name] = list(getattr(jobs, name))
    for name, default in JOB_DEFAULTS.items():
        values = getattr(jobs, name)
        if values is not None and not (default is not None and bool(np.all(values == default))):
            columns[name] = values
    rates = np.where(instance.throughputs.known_cells, instance.throughputs.rates, np.nan)
    columns |= {name: rates[:, at] for at, name in enumerate(instance.cluster.accelerators)}
    return pd.DataFrame(columns)


def instance_header(instance: Instance) -> dict[str, str]:
    """What a table's rows cannot say: name, unit, source, cluster, entities and notes."""
    parts = {
        "cluster": cluster_document(instance.cluster),
        "entities": entities_document(instance.entities),
        "notes": list(instance.notes),
    }
    texts = {"name": instance.name, "unit": instance.throughputs.unit, "source": instance.throughputs.source}
    return {
        **{key: text for key, text in texts.items() if text},
        **{key: json.dumps(value, ensure_ascii=False) for key, value in parts.items() if value},
    }


def _without_pairs(instance: Instance) -> Instance:
    table = instance.throughputs
    rates = np.where(table.known, table.rows, np.nan)
    alone = ThroughputTable(
        rates, table.jobs, table.accelerators, kind=table.kind, unit=table.unit, source=table.source
    )
    return instance.replace(throughputs=alone)


def write_json(document: Any, path: Path) -> Path:
    """Write a JSON document: UTF-8, indented, packed where the name ends in .gz; NaN and infinity are refused."""
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    content = text.encode("utf-8")
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix.casefold() == ".gz" else content)
    return path


def target_form(path: Path) -> str:
    """The format that a file to be written is given by its ending: .json or one of the tables.

    Raises:
        InputError: an ending that nothing is written with; a folder that does not exist.
    """
    form = ending(path)
    if form not in (".json", *TABLES):
        raise UnknownName.among("file ending", form or path.name, (".json", *TABLES), where=str(path))
    if not path.parent.is_dir():
        raise InputError("no such folder", where=str(path.parent), fix="make the folder first")
    return form
