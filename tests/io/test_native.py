"""The native file: every key, what an absent one means, and how the bytes may be packed."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gavelopt as go
from tests.io.malformed import SOUND
from tests.io.same import assert_same

# The example of the published contract, word for word.
CONTRACT: dict[str, Any] = {
    "format": "gavelopt/1",
    "kind": "training",
    "cluster": {
        "accelerators": [{"name": "v100", "count": 12, "cost_per_hour": 2.48, "memory_gib": 16, "per_node": 4}]
    },
    "jobs": [
        {
            "name": "j0",
            "workload": "ResNet-50 (batch size 16)",
            "scale_factor": 2,
            "weight": 1.0,
            "steps": 12345.0,
            "arrival_s": 0.0,
            "elapsed_s": 0.0,
            "isolated_elapsed_s": 0.0,
            "deadline_s": None,
            "entity": None,
        },
        {"name": "j1", "scale_factor": 2, "entity": "teamA", "deadline_s": 60.0},
    ],
    "entities": [{"name": "teamA", "weight": 1.0, "policy": "fairness"}],
    "throughputs": {
        "unit": "steps/s",
        "rates": {"j0": {"v100": 11.4}, "j1": {}},
        "pairs": [{"jobs": ["j0", "j1"], "rates": {"v100": [3.1, 4.2]}}],
    },
}


def read(document: Any, folder: Path, name: str = "x.json", **options: Any) -> go.Instance:
    content = json.dumps(document).encode("utf-8")
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    found: go.Instance = go.read(folder / name, **options)
    return found


def test_every_key_of_the_contract(tmp_path: Path) -> None:
    found = read(CONTRACT, tmp_path)
    assert dict(zip(found.cluster.accelerators, found.cluster.count, strict=True)) == {"v100": 12.0}
    assert found.cluster.cost_per_hour is not None
    assert found.cluster.cost_per_hour[0] == 2.48
    assert found.cluster.memory_gib is not None
    assert found.cluster.memory_gib[0] == 16
    assert found.cluster.per_node is not None
    assert found.cluster.per_node[0] == 4
    assert list(found.jobs.names) == ["j0", "j1"]
    assert found.jobs.workload == ("ResNet-50 (batch size 16)", None)
    assert found.jobs.scale_factor.tolist() == [2, 2]
    assert found.jobs.weight.tolist() == [1.0, 1.0]
    np.testing.assert_array_equal(found.jobs.steps, [12345.0, np.nan])
    np.testing.assert_array_equal(found.jobs.deadline_s, [np.nan, 60.0])
    assert found.jobs.entity == (None, "teamA")
    assert found.entities == (go.Entity("teamA", 1.0, "fairness"),)
    assert found.throughputs.known_cells.tolist() == [[True], [False]]
    assert found.rates.tolist() == [[11.4], [0.0]]
    assert found.throughputs.pairs is not None
    assert found.throughputs.pairs.members.tolist() == [[0, 1]]
    assert found.throughputs.pairs.rates.tolist() == [[[3.1, 4.2]]]


def test_only_five_keys_are_required(tmp_path: Path) -> None:
    found = read(
        {
            "format": "gavelopt/1",
            "kind": "training",
            "cluster": {"accelerators": [{"name": "v100", "count": 0.5}]},
            "jobs": [{"name": "a"}],
            "throughputs": {"rates": {"a": {"v100": 1}}},
        },
        tmp_path,
    )
    assert (found.jobs.weight[0], found.jobs.scale_factor[0], found.jobs.arrival_s[0]) == (1.0, 1, 0.0)
    assert found.jobs.steps is found.jobs.deadline_s is found.jobs.workload is found.cluster.cost_per_hour is None
    assert found.throughputs.unit == "steps/s"


def test_missing_is_unknown_and_zero_cannot_run(tmp_path: Path) -> None:
    document = copy.deepcopy(SOUND)
    document["throughputs"]["rates"] = {"j0": {"v100": 0}, "j1": {"k80": None}}
    table = read(document, tmp_path).throughputs
    assert table.known_cells.tolist() == [[True, False], [False, False]]


def test_rates_by_workload(tmp_path: Path) -> None:
    document = copy.deepcopy(SOUND)
    document["jobs"] = [
        {"name": "a", "workload": "A3C"},
        {"name": "b", "workload": "A3C", "scale_factor": 2},
        {"name": "c", "workload": "LM"},
        {"name": "d", "workload": "A3C"},
    ]
    document["throughputs"] = {
        "by_workload": {"A3C": {"1": {"v100": 7.0, "k80": 3.0}, "2": {"v100": 12.0}}, "LM": {"1": {"k80": 24.0}}},
        "pairs": [{"workloads": ["A3C", "LM"], "rates": {"v100": [3.0, 40.0]}}],
    }
    found = read(document, tmp_path)
    np.testing.assert_array_equal(found.rates, [[7, 3], [12, 0], [0, 24], [7, 3]])
    assert found.throughputs.known_cells.tolist() == [[True, True], [True, False], [False, True], [True, True]]
    assert len(found.throughputs.rows) == 3
    assert found.throughputs.pairs is not None
    assert len(found.throughputs.pairs) == 1


def test_pairs_of_jobs_beside_rates_by_workload(tmp_path: Path) -> None:
    document = copy.deepcopy(SOUND)
    document["jobs"] = [{"name": name, "workload": "A3C"} for name in "abc"]
    document["throughputs"] = {
        "by_workload": {"A3C": {"1": {"v100": 7.0}}},
        "pairs": [{"jobs": ["c", "a"], "rates": {"v100": [3.0, 4.0]}}],
    }
    pairs = read(document, tmp_path).throughputs.pairs
    assert pairs is not None
    assert pairs.members.tolist() == [[2, 0]]


@pytest.mark.parametrize("missing", ["drop", "scale"])
def test_workload_that_was_not_measured(missing: str, tmp_path: Path) -> None:
    document = copy.deepcopy(SOUND)
    document["jobs"] = [{"name": "a", "workload": "A3C"}, {"name": "b", "workload": "A3C", "scale_factor": 4}]
    document["throughputs"] = {"by_workload": {"A3C": {"1": {"v100": 7.0, "k80": 3.0}}}}
    found = read(document, tmp_path, missing=missing)
    assert found.throughputs.rates.tolist() == ([[7, 3]] if missing == "drop" else [[7, 3], [28, 12]])
    assert len(found.notes) == 1
    assert "'A3C' at scale factor 4" in found.notes[0]


@pytest.mark.parametrize("name", ["x.json", "x.json.gz", "packed_without_saying.json"])
def test_packed_and_plain(name: str, tmp_path: Path) -> None:
    content = json.dumps(SOUND).encode()
    packed = gzip.compress(content) if name != "x.json" else content
    (tmp_path / name).write_bytes(packed)
    assert_same(go.read(tmp_path / name), read(SOUND, tmp_path, "plain.json"))


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(SOUND).encode())
    assert len(go.read(tmp_path / "x.json").jobs) == 2


def test_another_cluster_takes_the_place_of_the_file_s(tmp_path: Path) -> None:
    found = read(SOUND, tmp_path, cluster="k80:7")
    assert list(found.cluster.accelerators) == ["k80"]
    assert found.cluster.count.tolist() == [7.0]
    assert found.rates.tolist() == [[2.0], [0.0]]
    with pytest.raises(go.InputError, match="unknown accelerator 'k8'"):
        read(SOUND, tmp_path, cluster="k8:7")


@pytest.mark.parametrize("part", [{"jobs": ["A3C"]}, {"throughputs": "t.json"}])
def test_parts_that_the_file_has_itself(part: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(go.InputError, match="cannot be given beside it"):
        read(SOUND, tmp_path, **part)
