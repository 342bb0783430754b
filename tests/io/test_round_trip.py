"""What is written reads back the same, to the last bit, in every format that can hold it."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

import gavelopt as go
from gavelopt.io.schema import violations
from gavelopt.io.write import instance_document, write_instance
from tests.io.same import assert_same
from tests.io.strategies import instances, profiled_instances

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def there_and_back(instance: go.Instance, name: str) -> go.Instance:
    with TemporaryDirectory() as folder:
        found: go.Instance = go.read(write_instance(instance, Path(folder) / name))
    return found


@SETTINGS
@given(instances())
def test_native_by_job(instance: go.Instance) -> None:
    assert_same(there_and_back(instance, "x.json"), instance)


@SETTINGS
@given(profiled_instances())
def test_native_by_workload(instance: go.Instance) -> None:
    assert_same(there_and_back(instance, "x.json.gz"), instance)


@SETTINGS
@given(instances())
def test_what_is_written_fits_the_published_schema(instance: go.Instance) -> None:
    assert violations(json.loads(json.dumps(instance_document(instance)))) == []


@SETTINGS
@given(profiled_instances())
def test_writing_again_gives_the_same_bytes(instance: go.Instance) -> None:
    with TemporaryDirectory() as folder:
        first = write_instance(instance, Path(folder) / "a.json")
        second = write_instance(go.read(first), Path(folder) / "b.json")
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.csv.gz", "x.parquet"])
@settings(SETTINGS, max_examples=25)
@given(instance=instances(pairs=False))
def test_table(name: str, instance: go.Instance) -> None:
    assert_same(there_and_back(instance, name), instance)


def test_kinds_survive_as_kinds() -> None:
    instance = go.examples.gavel(200)
    again = there_and_back(instance, "x.json")
    assert len(again.throughputs.rows) == len(instance.throughputs.rows) <= 26


def test_a_table_does_not_lose_pairs_silently(tmp_path: Path) -> None:
    pairs = go.PairTable([[0, 1]], [[[3.0, 4.0]]], 2, 1)
    table = go.ThroughputTable([[5.0], [6.0]], ["a", "b"], ["v100"], pairs=pairs)
    instance = go.Instance(go.Cluster({"v100": 1}), go.JobSet(["a", "b"]), table)
    with pytest.raises(go.InputError, match="cannot hold the rates of pairs"):
        write_instance(instance, tmp_path / "x.csv")
    again = go.read(write_instance(instance, tmp_path / "x.csv", pairs=False))
    assert_same(again, instance, pairs=False)
    assert again.throughputs.pairs is None


@pytest.mark.parametrize(("name", "text"), [("x.xlsx", "unknown file ending"), ("none/x.json", "no such folder")])
def test_unwritable(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(go.InputError, match=text):
        write_instance(go.examples.tiny(), tmp_path / name)


def test_a_type_named_like_a_job_column_needs_json(tmp_path: Path) -> None:
    instance = go.Instance.from_arrays([[1.0]], [1], accelerators=["weight"])
    with pytest.raises(go.InputError, match="name of a job column"):
        write_instance(instance, tmp_path / "x.csv")
    assert_same(go.read(write_instance(instance, tmp_path / "x.json")), instance)
