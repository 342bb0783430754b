"""Elastic instances as files: what is written is read back, mistakes are named by their path, the schema agrees."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gavelopt as go
from formulations.pollux.apps import sample
from gavelopt.io.elastic import elastic_document, read_elastic
from gavelopt.io.schema import violations
from tests.pollux.instances import busy

SOUND: dict[str, Any] = {
    "format": "gavelopt/1",
    "kind": "elastic",
    "cluster": {"nodes": 4, "gpus_per_node": 4},
    "jobs": [
        {
            "name": "bert-0",
            "perf": dict(
                zip(
                    ("alpha_c", "beta_c", "alpha_n", "beta_n", "alpha_r", "beta_r", "gamma"),
                    (0.17, 0.059, 1.39, 0.0094, 0.28, 0.0096, 1.9),
                    strict=True,
                )
            ),
            "grad": {"sqr": 1.0, "var": 360.0},
            "init_batch_size": 12,
            "max_batch_size": 384,
            "local_batch_bounds": [4, 12],
            "current": {"node0": 2, "node3": 1},
        }
    ],
}


def test_a_file_is_read_and_solved(tmp_path: Path) -> None:
    file = tmp_path / "elastic.json"
    file.write_text(json.dumps(SOUND))
    instance = go.read(file)
    assert instance.kind == "elastic"
    assert instance.current[0].tolist() == [2, 0, 0, 1]
    assert instance.gpus_per_node.tolist() == [4]
    solution = go.solve(instance, "pollux_fitness")
    assert solution.status == "optimal"
    document = json.loads(json.dumps(solution.to_dict()))
    assert document["allocation"]["bert-0"]["gpu"] == np.asarray(solution.plan).sum()
    assert solution.to_frame().loc["bert-0", "gpu"] == np.asarray(solution.plan).sum()


@pytest.mark.parametrize(
    "instance",
    [
        sample(3, 2, seed=0),
        sample(2, {"t4": 2, "a100": 1}, seed=1, min_replicas=[1, 2], max_replicas=8, accumulate=False),
        busy(4, pinned=True),
        sample(0, 2),
    ],
    ids=["plain", "two types", "running", "no jobs"],
)
def test_round_trip(instance: go.ElasticInstance) -> None:
    document = elastic_document(instance)
    again = read_elastic(json.loads(json.dumps(document)), Path())
    assert violations(document) == []
    assert elastic_document(again) == document
    assert np.array_equal(again.goodput, instance.goodput)
    assert np.array_equal(again.pinned, instance.pinned)


MISTAKES: dict[str, tuple[list[Any], Any, str]] = {
    "gamma below 1": (["jobs", 0, "perf", "gamma"], 0.5, "jobs[0].perf.gamma"),
    "a negative time": (["jobs", 0, "perf", "alpha_n"], -1.0, "jobs[0].perf.alpha_n"),
    "a misspelt field": (["jobs", 0, "max_replica"], 4, "max_replicas"),
    "bounds of three": (["jobs", 0, "local_batch_bounds"], [1, 2, 3], "local_batch_bounds"),
    "no GPUs on a node": (["cluster", "gpus_per_node"], 0, "cluster.gpus_per_node"),
    "half a batch": (["jobs", 0, "init_batch_size"], 12.5, "jobs[0].init_batch_size"),
    "a flag that is none": (["jobs", 0, "preemptible"], "no", "jobs[0].preemptible"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named_and_the_schema_agrees(name: str) -> None:
    path, value, place = MISTAKES[name]
    document = copy.deepcopy(SOUND)
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(go.InputError) as caught:
        read_elastic(document, Path())
    assert place in str(caught.value)
    assert violations(document)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"current": {"node9": 1}}, "unknown node 'node9'"),
        ({"current": {"node0": 5}}, "more GPUs than a node has"),
        ({"max_batch_size": 6}, "max_batch_size is smaller than"),
        ({"local_batch_bounds": [9, 4]}, "local_batch_max is smaller than local_batch_min"),
        ({"min_replicas": 9, "max_replicas": 3}, "max_replicas is smaller than min_replicas"),
        ({"perf": {**SOUND["jobs"][0]["perf"], "alpha_c": 0, "beta_c": 0}}, "perf parameter beta_c"),
    ],
)
def test_contradictions_that_only_a_reader_sees(change: dict[str, Any], words: str) -> None:
    document = copy.deepcopy(SOUND)
    document["jobs"][0] |= change
    with pytest.raises(go.InputError, match=words):
        read_elastic(document, Path())


def test_nodes_are_whole_and_types_agree() -> None:
    jobs = sample(2, 2).jobs
    with pytest.raises(go.InputError, match="whole nodes"):
        go.ElasticInstance(go.Cluster({"t4": 6}, per_node=[4]), jobs)
    with pytest.raises(go.InputError, match="placed on nodes"):
        go.ElasticInstance(go.Cluster({"t4": 8}), jobs)
    with pytest.raises(go.InputError, match="perf parameters do not match"):
        go.ElasticInstance(go.Cluster({"a": 8, "b": 8}, per_node=[4, 4]), jobs)
    with pytest.raises(go.InputError, match="two types"):
        sample(1, {"t4": 1, "a100": 1}).replace(current=[[1, 1]])
    with pytest.raises(go.InputError, match="wrong shape"):
        sample(1, 2).replace(current=[[1, 1, 1]])
