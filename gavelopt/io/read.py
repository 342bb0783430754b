"""read: one door for every file format; the file's ending and its content decide.

    .json      native gavelopt/1 (of any kind), or Gavel's throughput JSON (with cluster= and jobs=)
    .csv .tsv .parquet   a matrix or tidy table of jobs (with cluster=, or naming it), or profiles (with cluster= and jobs=)
    .trace     a Gavel job trace (with cluster= and throughputs=)

Each of the text formats may be packed: .json.gz, .csv.gz, .trace.gz.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavelopt.errors import InputError, UnknownName
from gavelopt.io.describe import describe_table
from gavelopt.io.documents import ending, named, read_json, refuse_no_file
from gavelopt.io.fields import Fields
from gavelopt.io.frames import TABLES, read_frame
from gavelopt.io.gavel_throughputs import looks_like_throughputs, profiles_of
from gavelopt.io.gavel_traces import GavelTrace, parse_gavel_trace
from gavelopt.io.kinds import KINDS, reader_of
from gavelopt.io.sources import (
    ClusterSource,
    JobSource,
    ThroughputSource,
    cluster_from,
    jobs_from,
    profiles_from,
    profiles_in_table,
)
from gavelopt.io.tables import instance_from_frame, is_profiles, refuse_unmeasured
from gavelopt.io.training import FORMAT, read_cluster, read_entities, read_notes, read_training
from gavelopt.model.cluster import Cluster
from gavelopt.model.instance import Instance
from gavelopt.model.profiles import MISSING, ThroughputProfiles

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class TableFile:
    """A table of jobs and the header of its file; it becomes an instance once its cluster is known."""

    frame: pd.DataFrame
    header: Mapping[str, str]


def read(
    path: str | Path,
    *,
    cluster: ClusterSource | None = None,
    jobs: JobSource | None = None,
    throughputs: ThroughputSource | None = None,
    missing: str = "error",
) -> Any:
    """The instance in a file, or in a file and the parts that it lacks.

    Args:
        path: native JSON, a CSV/TSV/Parquet table, Gavel's throughput JSON, or a Gavel trace.
        cluster: for files without one: a Cluster, ``{"v100": 4}``, ``"v100:4,p100:4"``, ``"36:36:36"``, or a .json file.
            With a file that has its own, it takes the place of that one.
        jobs: for a throughput file: a trace, a table of job columns, names of workloads, or a JobSet.
        throughputs: for a trace: a throughput file, or ThroughputProfiles.
        missing: what to do with a job whose (workload, scale factor) was not measured: "error", "drop" or "scale".

    Returns:
        An Instance; for native files of another kind, that kind's own instance.

    Raises:
        InputError: anything in the file that is wrong, with its place; a part that is missing, or given twice.
    """
    if not isinstance(path, (str, Path)):
        raise InputError("read needs a file name", seen=repr(path), rule="a str or a Path")
    file = Path(path)
    if missing not in MISSING:
        raise UnknownName.among("choice for missing", missing, MISSING)
    found = load(file, missing)
    if isinstance(found, ThroughputProfiles):
        _parts(
            file, "holds throughputs of workloads", needs={"cluster": cluster, "jobs": jobs}, throughputs=throughputs
        )
        return _from_profiles(found, cluster, jobs, missing, file)
    if isinstance(found, GavelTrace):
        _parts(file, "holds jobs only", needs={"cluster": cluster, "throughputs": throughputs}, jobs=jobs)
        return _from_profiles(throughputs, cluster, found, missing, file)
    _parts(file, "holds jobs with their rates", needs={}, jobs=jobs, throughputs=throughputs)
    supply = None if cluster is None else cluster_from(cluster)
    with named(file):
        if isinstance(found, TableFile):
            return _from_table(found, supply)
        return found if supply is None else _on(found, supply)


def load(path: str | Path, missing: str = "error") -> Any:
    """What a file holds by itself: an instance, ThroughputProfiles, a GavelTrace, or a TableFile."""
    file = Path(path)
    form = ending(file)
    refuse_no_file(file)
    with named(file):
        if form == ".json":
            return _load_json(file, missing)
        if form in TABLES:
            frame, header = read_frame(file)
            if is_profiles(frame):
                return profiles_in_table(frame, header)
            return TableFile(frame, header)
        if form == ".trace":
            return parse_gavel_trace(file)
        raise UnknownName.among("file ending", form or file.name, (".json", *TABLES, ".trace"))


def _load_json(file: Path, missing: str) -> Any:
    document = read_json(file)
    if looks_like_throughputs(document):
        return profiles_of(document, file.name)
    fields = Fields(document)
    form = fields.text("format")
    if form != FORMAT:
        raise UnknownName.among("format", form, (FORMAT,), where="format")
    kind = fields.text("kind", choices=KINDS)
    if kind == "training":
        return read_training(document, file, missing)
    return reader_of(kind)(document, file)


def _parts(file: Path, holds: str, needs: Mapping[str, object], **spare: object) -> None:
    """Refuse a call in which a part is missing, or given beside a file that has its own."""
    examples = {"cluster": "'36:36:36'", "jobs": "'file.trace'", "throughputs": "'simulation_throughputs.json'"}
    lacking = [name for name, value in needs.items() if value is None]
    if lacking:
        raise InputError(
            f"the file {holds}; {' and '.join(lacking)} must be given",
            where=str(file),
            fix="add " + ", ".join(f"{name}={examples[name]}" for name in lacking),
        )
    extra = [name for name, value in spare.items() if value is not None]
    if extra:
        raise InputError(f"the file {holds}; {' and '.join(extra)} cannot be given beside it", where=str(file))


def _from_profiles(profiles: Any, cluster: Any, jobs: Any, missing: str, file: Path) -> Instance:
    measured, supply = profiles_from(profiles), cluster_from(cluster)
    refuse_unmeasured(supply, measured.accelerators)
    wanted, said = jobs_from(jobs, measured)
    kept, table, notes = measured.for_jobs(wanted, supply.accelerators, missing)
    name = (Path(jobs) if isinstance(jobs, (str, Path)) else file).name.split(".")[0]
    instance = Instance(supply, kept, table, name=name, notes=(*measured.notes, *said, *notes))
    return instance.replace(notes=(*instance.notes, *describe_table(instance).oddities()))


def _from_table(found: TableFile, cluster: Cluster | None) -> Instance:
    header = found.header
    supply = cluster if cluster is not None else _cluster_of(header)
    unit, source = header.get("unit", "steps/s"), header.get("source")
    instance = instance_from_frame(found.frame, supply, unit=unit, source=source)
    notes = read_notes(_parsed(header, "notes"))
    entities = read_entities(Fields({"entities": _parsed(header, "entities")}))
    return instance.replace(entities=entities, name=header.get("name"), notes=(*notes, *instance.notes))


def _cluster_of(header: Mapping[str, str]) -> Cluster:
    if "cluster" not in header:
        raise InputError(
            "the table does not say how many accelerators there are",
            fix="add cluster='v100:4,p100:4', or a first line '# cluster: v100:4,p100:4'",
        )
    if not header["cluster"].startswith("{"):
        return Cluster.from_spec(header["cluster"])
    return read_cluster(Fields(_parsed(header, "cluster"), "cluster"))


def _parsed(header: Mapping[str, str], key: str) -> Any:
    """The JSON value of a header key, None where the key is absent."""
    try:
        return json.loads(header[key]) if key in header else None
    except json.JSONDecodeError as error:
        raise InputError(f"the header {key!r} is not JSON: {error.msg}", seen=header[key][:80]) from error


def _on(instance: Any, cluster: Cluster) -> Instance:
    """The instance on another cluster, whose types are among those measured."""
    if not isinstance(instance, Instance):
        raise InputError("only a training instance can be put on another cluster", seen=type(instance).__name__)
    refuse_unmeasured(cluster, instance.throughputs.accelerators)
    return instance.replace(cluster=cluster, throughputs=instance.throughputs.select(cluster.accelerators))
