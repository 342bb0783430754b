"""Native placement files: what is read is what was written, and mistakes are named by their path."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gavelopt as go
from formulations.alpaserve.examples import random_instance
from gavelopt.io.placement import placement_document
from gavelopt.io.schema import violations

DOCUMENT: dict[str, Any] = {
    "format": "gavelopt/1",
    "kind": "placement",
    "name": "two models",
    "cluster": {"accelerators": [{"name": "v100", "count": 2, "memory_gib": 13}]},
    "profiles": [
        {"model": "bert", "stage_latency_s": [0.1], "stage_weight_gib": [5.0]},
        {"model": "bert", "inter_op": 2, "stage_latency_s": [0.05, 0.05], "stage_weight_gib": [2.5, 2.5]},
        {"model": "bert", "batch": 2, "stage_latency_s": [0.15], "stage_weight_gib": [5.0]},
    ],
    "models": [{"name": "bert", "slo_s": 0.5}, {"name": "m1", "profile": "bert"}],
    "requests": [{"t_s": 2.0, "model": "m1"}, {"t_s": 1.0, "model": "bert"}],
}


def read(document: dict[str, Any], folder: Path) -> Any:
    path = folder / "instance.json"
    path.write_text(json.dumps(document))
    return go.read(path)


def test_a_document_is_read(tmp_path: Path) -> None:
    instance = read(DOCUMENT, tmp_path)
    assert instance.kind == "placement"
    assert list(instance.models.names) == ["bert", "m1"]
    assert instance.models.profile == ("bert", "bert")
    assert instance.models.slo_s.tolist() == [0.5, np.inf]
    assert instance.workload.arrival_s.tolist() == [1.0, 2.0]
    assert instance.workload.model.tolist() == [0, 1]
    assert instance.profiles.batches("bert", go.Configuration()) == [1, 2]
    assert (instance.devices, instance.memory_gib) == (2, 13.0)
    solution = go.solve(instance, "placement")
    assert (solution.value, solution.status) == (1.0, "optimal")
    assert violations(DOCUMENT) == []


def test_written_and_read_again_it_is_the_same(tmp_path: Path) -> None:
    instance = random_instance(3, requests=40)
    instance = instance.replace(training=instance.workload, workload=instance.workload.trimmed(1.0), notes=("made up",))
    document = json.loads(json.dumps(placement_document(instance)))
    assert violations(document) == []
    again = read(document, tmp_path)
    assert json.dumps(placement_document(again)) == json.dumps(document)
    assert again.workload.counted == instance.workload.counted
    assert np.array_equal(again.workload.arrival_s, instance.workload.arrival_s)
    assert np.array_equal(again.tables.latency_s, instance.tables.latency_s)
    assert again.overheads == instance.overheads
    mine, theirs = (go.solve(each, "placement", method="greedy").value for each in (instance, again))
    assert mine == theirs


def test_requests_from_a_file_beside_it_and_from_rates(tmp_path: Path) -> None:
    (tmp_path / "requests.csv").write_text("t_s,model\n1.5,m1\n0.5,bert\n")
    from_file = read({**DOCUMENT, "requests": "requests.csv"}, tmp_path)
    assert from_file.workload.arrival_s.tolist() == [0.5, 1.5]
    made = {k: v for k, v in DOCUMENT.items() if k != "requests"}
    made["models"] = [{"name": "bert", "rate_rps": 3, "cv": 2}, {"name": "m1", "profile": "bert", "rate_rps": 1}]
    generated = read({**made, "duration_s": 50, "seed": 9}, tmp_path)
    assert np.array_equal(generated.workload.arrival_s, go.serving.gamma_workload([3, 1], [2, 1], 50, 9).arrival_s)
    with pytest.raises(go.InputError, match="no rates to make them from"):
        read({k: v for k, v in DOCUMENT.items() if k != "requests"}, tmp_path)


BROKEN: list[tuple[tuple[Any, ...], Any, str]] = [
    (("models", 1, "slo_s"), -1, r"models\[1\].slo_s"),
    (("models", 1, "profil"), "bert", "profil"),
    (("models", 1, "profile"), "brt", "did you mean 'bert'"),
    (("profiles", 0, "stage_latency_s"), [0.0], r"profiles\[0\].stage_latency_s"),
    (("profiles", 1, "stage_weight_gib"), [1.0], "stage_weight_gib"),
    (("profiles", 1, "inter_op"), 0, r"profiles\[1\].inter_op"),
    (("profiles", 2, "batch"), 1, "two profiles"),
    (("requests", 0, "model"), "m2", "m2"),
    (("requests", 0, "t_s"), None, "t_s"),
    (("cluster", "accelerators", 0, "memory_gib"), None, "memory_gib"),
    (("cluster", "accelerators", 0, "count"), 1.5, "whole"),
    (("overheads",), {"request": 0.01}, "request_s"),
    (("counted",), [0, 9], "counted"),
]


@pytest.mark.parametrize(("place", "value", "named"), BROKEN)
def test_mistakes_are_named(place: tuple[Any, ...], value: Any, named: str, tmp_path: Path) -> None:
    document = copy.deepcopy(DOCUMENT)
    spot: Any = document
    for key in place[:-1]:
        spot = spot[key]
    spot[place[-1]] = value
    with pytest.raises(go.InputError, match=named) as caught:
        read(document, tmp_path)
    assert "instance.json" in str(caught.value)


def test_instances_refuse_what_they_cannot_mean() -> None:
    instance = random_instance(1)
    with pytest.raises(go.InputError, match="one accelerator type"):
        instance.replace(cluster=go.Cluster({"a": 1, "b": 1}, memory_gib=[1, 1]))
    with pytest.raises(go.InputError, match="not there"):
        instance.replace(workload=go.Workload([1.0], [99]))
    with pytest.raises(go.UnknownName, match="model 'm99'"):
        instance.placement([((1, 1), ["m99"])])
    with pytest.raises(go.InputError, match="at most once"):
        go.DeviceGroup(go.Configuration(), (1, 1))
    with pytest.raises(go.InputError, match="inter_op"):
        go.Configuration(0, 1)
    with pytest.raises(go.InputError, match="starts"):
        go.PlacementSchedule((5.0, 1.0), (go.Placement([]), go.Placement([])))
    with pytest.raises(go.InputError, match="per_stage"):
        go.Overheads(0.0, -1.0)


def test_hopeless_models_are_warned_of() -> None:
    instance = random_instance(1)
    models = instance.models
    tight = instance.replace(models=go.ServedModels(models.names, models.profile, 0.001))
    assert "fit in no measured configuration" in tight.warnings[0]
    solution = go.solve(tight, "placement", method="search")
    assert solution.value == 0.0
    assert solution.bound == 0.0
    assert solution.status == "optimal"
