"""What a caller may hand over for a cluster, a job list or a throughput table: the noun itself, a text, or a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gavelopt.errors import InputError
from gavelopt.io.documents import ending, named, read_json
from gavelopt.io.fields import Fields
from gavelopt.io.frames import TABLES, read_frame
from gavelopt.io.gavel_throughputs import looks_like_throughputs, profiles_of
from gavelopt.io.gavel_traces import GavelTrace, parse_gavel_trace
from gavelopt.io.tables import is_profiles, jobs_from_frame, profiles_from_frame
from gavelopt.io.training import read_cluster
from gavelopt.model.cluster import Cluster
from gavelopt.model.jobs import JobSet
from gavelopt.model.profiles import ThroughputProfiles

if TYPE_CHECKING:
    import pandas as pd

ClusterSource = Cluster | Mapping[str, float] | str | Path
JobSource = JobSet | GavelTrace | Sequence[str] | str | Path
ThroughputSource = ThroughputProfiles | str | Path


def cluster_from(source: ClusterSource) -> Cluster:
    """A Cluster, ``{"v100": 4}``, ``"v100:4,p100:4"``, Gavel's ``"36:36:36"``, or a .json file with one of these.

    The file holds a native cluster (``{"accelerators": [...]}``), a native instance, or one of Gavel's specifications
    (``{"philly": ["500:0:0"]}``).
    """
    if isinstance(source, Cluster):
        return source
    if isinstance(source, Mapping):
        return Cluster(source)
    if not isinstance(source, (str, Path)):
        raise InputError(
            "cannot read the cluster", seen=type(source).__name__, rule="a Cluster, a mapping, a specification, a file"
        )
    if ending(Path(source)) != ".json":
        return Cluster.from_spec(str(source))
    path = Path(source)
    with named(path):
        return _cluster_in(read_json(path))


def _cluster_in(document: Any) -> Cluster:
    fields = Fields(document)
    if "cluster" in fields.document:
        return read_cluster(fields.section("cluster"))
    if "accelerators" in fields.document:
        return read_cluster(fields)
    specs = [spec for value in fields.document.values() for spec in (value if isinstance(value, list) else [value])]
    if len(specs) != 1 or not isinstance(specs[0], str):
        raise InputError(
            "the file does not hold one cluster",
            seen=", ".join(map(str, specs[:6])) or "nothing",
            rule='{"accelerators": [...]}, or one specification such as {"philly": ["500:0:0"]}',
            fix="give the specification itself: cluster='36:36:36'",
        )
    return Cluster.from_spec(specs[0])


def jobs_from(source: JobSource, throughputs: ThroughputProfiles | None = None) -> tuple[JobSet, tuple[str, ...]]:
    """A JobSet, a trace, names of workloads (one job each), or a file: a Gavel trace, or a table of job columns.

    ``throughputs`` give the durations on which a trace's deadlines may rest.

    Returns the jobs and what the file said that a JobSet has no place for.
    """
    if isinstance(source, JobSet):
        return source, ()
    if isinstance(source, GavelTrace):
        return source.with_deadlines(throughputs), source.notes
    if isinstance(source, (str, Path)):
        path = Path(source)
        if ending(path) in TABLES:
            with named(path):
                return jobs_from_frame(read_frame(path)[0]), ()
        if ending(path) == ".json":
            raise InputError("a job list is a trace or a table", where=str(path), rule=f".trace, {', '.join(TABLES)}")
        return jobs_from(parse_gavel_trace(path), throughputs)
    names = list(source)
    return JobSet(len(names), workload=names), ()


def profiles_from(source: ThroughputSource) -> ThroughputProfiles:
    """Profiles, or a file of them: Gavel's throughput JSON, or a tidy table with a column ``workload``."""
    if isinstance(source, ThroughputProfiles):
        return source
    path = Path(source)
    with named(path):
        if ending(path) in TABLES:
            frame, header = read_frame(path)
            if is_profiles(frame):
                return profiles_in_table(frame, header)
        elif ending(path) == ".json" and looks_like_throughputs(document := read_json(path)):
            return profiles_of(document, path.name)
    raise InputError(
        "the file holds no throughput profiles",
        where=str(path),
        rule="Gavel's throughput JSON, or a table workload, scale_factor, accelerator, throughput",
    )


def profiles_in_table(frame: pd.DataFrame, header: Mapping[str, str]) -> ThroughputProfiles:
    """The profiles in a table whose header may name unit and source."""
    return profiles_from_frame(frame, unit=header.get("unit", "steps/s"), source=header.get("source"))
