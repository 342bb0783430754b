"""Inputs that are wrong in one way each: a file as it would be found, and the call that a user would make.

Every case is one small change to a sound file, so that the error can only be about that change.
"""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gavelopt as go
from gavelopt.io.gavel_throughputs import read_gavel_throughputs
from gavelopt.io.gavel_traces import read_gavel_trace

SOUND: dict[str, Any] = {
    "format": "gavelopt/1",
    "kind": "training",
    "cluster": {"accelerators": [{"name": "v100", "count": 4, "cost_per_hour": 2.5}, {"name": "k80", "count": 4}]},
    "jobs": [{"name": "j0", "scale_factor": 2, "weight": 5.0, "steps": 1000.0}, {"name": "j1", "entity": "teamA"}],
    "entities": [{"name": "teamA", "weight": 2.0, "policy": "fifo"}],
    "throughputs": {
        "unit": "steps/s",
        "rates": {"j0": {"v100": 11.4, "k80": 2.0}, "j1": {"v100": 7.1, "k80": 0}},
        "pairs": [{"jobs": ["j0", "j1"], "rates": {"v100": [3.1, 4.2]}}],
    },
}
PROFILES: dict[str, Any] = {
    "v100": {"('A3C', 1)": {"null": 7.2, "('LM', 1)": [3.0, 40.0]}, "('LM', 1)": {"null": 80.0}},
    "k80": {"('A3C', 1)": {"null": 3.4}, "('LM', 1)": {"null": 24.0}},
}
TRACE = (
    "A3C\tpython3 a3c.py\tdir\t--steps\t0\t5000\t1\t1\t-1.000000\t0\n"
    "LM\tpython3 lm.py\tdir\t--steps\t1\t7000\t1\t5\t-1.000000\t10\n"
)
MATRIX = "job,scale_factor,weight,v100,k80\na,1,1.0,11.4,2.0\nb,2,5.0,7.1,\n"
TIDY = "job,accelerator,throughput,weight\na,v100,11.4,1\na,k80,2.0,1\nb,v100,7.1,5\n"
CLUSTER = "v100:4,k80:4"
Call = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """``call`` gets the folder with ``files`` in it and must raise exactly one InputError."""

    name: str
    files: dict[str, str | bytes]
    call: Call


def native(name: str, change: Callable[[dict[str, Any]], object]) -> Case:
    """The sound native file with one change."""
    document = copy.deepcopy(SOUND)
    change(document)
    return text(name, json.dumps(document, indent=1))


def text(name: str, content: str | bytes) -> Case:
    """A native file of any content."""
    return Case(name, {"x.json": content}, lambda folder: go.read(folder / "x.json"))


def table(name: str, content: str, file: str = "x.csv") -> Case:
    """A CSV read on two v100 and k80."""
    return Case(name, {file: content}, lambda folder: go.read(folder / file, cluster=CLUSTER))


def profiles(name: str, change: Callable[[dict[str, Any]], object]) -> Case:
    """Gavel's throughput file with one change."""
    document = copy.deepcopy(PROFILES)
    change(document)
    return Case(name, {"t.json": json.dumps(document)}, lambda folder: read_gavel_throughputs(folder / "t.json"))


def trace(name: str, content: str) -> Case:
    """A trace of any content."""
    return Case(name, {"x.trace": content}, lambda folder: read_gavel_trace(folder / "x.trace"))


def gavel(name: str, **parts: Any) -> Case:
    """Gavel's throughput file and a trace, read with the given parts."""
    files: dict[str, str | bytes] = {"t.json": json.dumps(PROFILES), "x.trace": TRACE}
    return Case(name, files, lambda folder: go.read(folder / "t.json", **parts))


def _move(document: dict[str, Any], old: str, new: str) -> None:
    document[new] = document.pop(old)


WHOLE = json.dumps(SOUND, indent=1)

CASES = [
    # the file as such
    Case("file_absent", {"instance.json": WHOLE}, lambda folder: go.read(folder / "instanse.json")),
    Case("file_is_a_folder", {}, lambda folder: go.read(folder)),
    Case("file_ending_unknown", {"x.jsn": WHOLE}, lambda folder: go.read(folder / "x.jsn")),
    text("file_empty", "  \n"),
    text("file_truncated", WHOLE[: len(WHOLE) // 2]),
    text("file_truncated_in_a_text", WHOLE[: WHOLE.index("teamA") + 3]),
    text("file_utf16", WHOLE.encode("utf-16")),
    text("file_gzip_cut", gzip.compress(WHOLE.encode())[:-20]),
    text("json_trailing_comma", WHOLE.replace('"count": 4\n', '"count": 4,\n', 1)),
    text("json_nan", WHOLE.replace("11.4", "NaN")),
    text("json_infinity", WHOLE.replace("11.4", "-Infinity")),
    text("json_key_twice", WHOLE.replace('"k80": 2.0', '"v100": 2.0')),
    text("json_is_a_list", "[1, 2]"),
    # the native document
    native("format_missing", lambda d: d.pop("format")),
    native("format_of_the_future", lambda d: d.update(format="gavelopt/2")),
    native("kind_unknown", lambda d: d.update(kind="trainning")),
    native("key_unknown_at_the_top", lambda d: _move(d, "entities", "entitys")),
    native("cluster_missing", lambda d: d.pop("cluster")),
    native("throughputs_missing", lambda d: d.pop("throughputs")),
    native("accelerators_not_a_list", lambda d: d["cluster"].update(accelerators={"v100": 4})),
    native("accelerator_twice", lambda d: d["cluster"]["accelerators"][1].update(name="v100")),
    native("count_negative", lambda d: d["cluster"]["accelerators"][0].update(count=-1)),
    native("count_null", lambda d: d["cluster"]["accelerators"][0].update(count=None)),
    native("cost_misspelt", lambda d: _move(d["cluster"]["accelerators"][0], "cost_per_hour", "cost_per_hr")),
    native("job_without_a_name", lambda d: _move(d["jobs"][1], "name", "nmae")),
    native("job_twice", lambda d: d["jobs"][1].update(name="j0")),
    native("job_is_a_text", lambda d: d["jobs"].append("j2")),
    native("job_key_misspelt", lambda d: _move(d["jobs"][0], "scale_factor", "scale_facter")),
    native("weight_is_a_text", lambda d: d["jobs"][0].update(weight="5")),
    native("weight_is_zero", lambda d: d["jobs"][0].update(weight=0)),
    native("weight_is_true", lambda d: d["jobs"][0].update(weight=True)),
    native("scale_factor_is_a_fraction", lambda d: d["jobs"][0].update(scale_factor=1.5)),
    native("steps_negative", lambda d: d["jobs"][0].update(steps=-3)),
    native("deadline_is_now", lambda d: d["jobs"][0].update(deadline_s=0)),
    native("entity_undeclared", lambda d: d["jobs"][1].update(entity="teamB")),
    native("entity_policy_unknown", lambda d: d["entities"][0].update(policy="fairnes")),
    native("unit_unknown", lambda d: d["throughputs"].update(unit="step/s")),
    native("rates_missing", lambda d: _move(d["throughputs"], "rates", "rate")),
    native("rates_of_an_unknown_job", lambda d: _move(d["throughputs"]["rates"], "j1", "j2")),
    native("rates_of_a_job_missing", lambda d: d["throughputs"]["rates"].pop("j1")),
    native("rate_of_an_unknown_type", lambda d: _move(d["throughputs"]["rates"]["j0"], "v100", "V100")),
    native("rate_negative", lambda d: d["throughputs"]["rates"]["j0"].update(v100=-11.4)),
    native("rate_is_a_text", lambda d: d["throughputs"]["rates"]["j0"].update(v100="11.4")),
    text("rate_too_large", WHOLE.replace("11.4", "1e999")),
    native("pair_with_itself", lambda d: d["throughputs"]["pairs"][0].update(jobs=["j0", "j0"])),
    native("pair_with_one_rate", lambda d: d["throughputs"]["pairs"][0]["rates"].update(v100=[3.1])),
    native("pair_twice", lambda d: d["throughputs"]["pairs"].append({"jobs": ["j1", "j0"], "rates": {}})),
    native("pair_of_an_unknown_job", lambda d: d["throughputs"]["pairs"][0].update(jobs=["j0", "j9"])),
    # tables
    Case("table_without_a_cluster", {"x.csv": MATRIX}, lambda folder: go.read(folder / "x.csv")),
    table("table_without_a_job_column", MATRIX.replace("job", "Job")),
    table("table_row_too_short", MATRIX.replace("b,2,5.0,7.1,", "b,2,5.0,7.1")),
    table("table_column_twice", MATRIX.replace("k80", "v100")),
    table("table_column_misspelt", MATRIX.replace("weight", "wieght")),
    table("table_lacks_an_accelerator", MATRIX.replace("k80", "k40")),
    table("table_rate_is_a_text", MATRIX.replace("7.1", "fast")),
    table("table_rate_is_nan", MATRIX.replace("7.1", "nan")),
    table("table_rate_negative", MATRIX.replace("7.1", "-7.1")),
    table("table_job_twice", MATRIX.replace("\nb,", "\na,")),
    table("table_header_key_misspelt", "# units: steps/s\n" + MATRIX),
    table("table_unit_unknown", "# unit: steps/h\n" + MATRIX),
    table("tidy_measured_twice", TIDY + "a,v100,11.5,1\n"),
    table("tidy_weight_changes", TIDY.replace("k80,2.0,1", "k80,2.0,2")),
    table("tidy_rate_is_a_text", TIDY.replace("7.1", "7,1").replace("b,v100,7,1", 'b,v100,"7,1"')),
    Case(
        "parquet_damaged", {"x.parquet": b"PAR1nothing"}, lambda folder: go.read(folder / "x.parquet", cluster=CLUSTER)
    ),
    # Gavel's files
    gavel("gavel_without_cluster_and_jobs"),
    gavel("gavel_cluster_spec_wrong", cluster="36:36", jobs=["A3C"]),
    gavel("gavel_cluster_of_an_unknown_type", cluster="v100:4,k8:4", jobs=["A3C"]),
    gavel("gavel_workload_unknown", cluster=CLUSTER, jobs=["A3C", "LSTM"]),
    gavel("gavel_scale_not_measured", cluster=CLUSTER, jobs=go.JobSet(1, workload=["LM"], scale_factor=[4])),
    gavel("gavel_choice_for_missing_unknown", cluster=CLUSTER, jobs=["A3C"], missing="ignore"),
    profiles("gavel_key_is_no_tuple", lambda d: _move(d["v100"], "('A3C', 1)", "('A3C', one)")),
    profiles("gavel_rate_is_a_list", lambda d: d["v100"]["('A3C', 1)"].update(null=[7.2])),
    profiles("gavel_pair_of_three", lambda d: d["v100"]["('A3C', 1)"].update({"('LM', 1)": [1, 2, 3]})),
    trace("trace_of_nine_columns", TRACE.replace("\tdir", "")),
    trace("trace_of_two_dialects", TRACE + TRACE.splitlines()[0].replace("\tdir", "") + "\n"),
    trace("trace_steps_are_a_text", TRACE.replace("7000", "many")),
    trace("trace_scale_is_zero", TRACE.replace("\t7000\t1\t", "\t7000\t0\t")),
    trace("trace_goes_back_in_time", TRACE.replace("-1.000000\t0\n", "-1.000000\t99\n")),
    trace("trace_slo_without_duration", TRACE.replace("-1.000000\t10", "1.2\t10")),
    trace("trace_with_spaces", TRACE.replace("\t", " ")),
]
