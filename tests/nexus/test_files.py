"""Packing instances as files, and groups of models with a common prefix."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gavelopt as go
from formulations.nexus.families import random_instance
from formulations.nexus.prefix import choose, merge
from formulations.nexus.query_families import random_query_instance
from gavelopt.io.packing import packing_document, read_packing
from gavelopt.io.schema import violations
from tests.nexus.instances import GPU, abc

ROWS = [{"batch": 4, "latency_ms": 50.0, "memory_gib": 1.0}, {"batch": 8, "latency_ms": 75.0, "memory_gib": 1.5}]
SOUND: dict[str, Any] = {
    "format": "gavelopt/1",
    "kind": "packing",
    "cluster": {"accelerators": [{"name": "titan", "count": None, "cost_per_hour": 0.9, "memory_gib": 12}]},
    "profiles": {"resnet": {"titan": {"rows": ROWS, "preprocess_ms": 3.3}}, "ssd": {"titan": ROWS}},
    "sessions": [{"name": "s0", "model": "resnet", "rate_rps": 64, "slo_ms": 200}],
    "queries": [
        {
            "name": "q",
            "rate_rps": 10,
            "slo_ms": 500,
            "root": {"model": "ssd", "children": [{"model": "resnet", "fanout": 2.5}]},
        }
    ],
}


def test_a_file_is_read_and_solved(tmp_path: Path) -> None:
    file = tmp_path / "packing.json"
    file.write_text(json.dumps(SOUND))
    instance = go.read(file)
    assert violations(SOUND) == []
    packing = go.solve(instance, "squishy")
    assert packing.status == "optimal"
    assert json.loads(json.dumps(packing.to_dict()))["value"] == packing.value
    split = go.solve(instance, "latency_split")
    assert split.status == "optimal"
    assert [row["stage"] for row in split.plan.rows(instance)] == ["ssd", "resnet"]


@pytest.mark.parametrize(
    "instance",
    [
        abc([64, 32, 32], max_batch=8),
        random_instance(5, "mixed", 1),
        random_query_instance(4),
        random_query_instance(4, joins=2),
        abc([1, 2, 3], prefix_groups=[go.PrefixGroup("g", "A", (("A", "B"), ("B", "C")))], interpolation="linear"),
        go.PackingInstance(GPU, [], go.SessionSet(0, model=(), rate_rps=(), slo_ms=())),
    ],
    ids=["plain", "mixed", "tree", "graph", "groups", "nothing"],
)
def test_round_trip(instance: go.PackingInstance) -> None:
    document = packing_document(instance)
    again = read_packing(json.loads(json.dumps(document)), Path())
    assert violations(document) == []
    assert packing_document(again) == document
    assert np.array_equal(again.sessions.rate_urps, instance.sessions.rate_urps)
    assert np.array_equal(again.best_latency_us, instance.best_latency_us)


MISTAKES: dict[str, tuple[list[Any], Any, str]] = {
    "a negative rate": (["sessions", 0, "rate_rps"], -1, "sessions[0].rate_rps"),
    "no objective": (["sessions", 0, "slo_ms"], 0, "sessions[0].slo_ms"),
    "half a batch": (["profiles", "ssd", "titan"], [{"batch": 1.5, "latency_ms": 1}], "batch"),
    "a misspelt field": (["sessions", 0, "slo"], 100, "slo_ms"),
    "no rows": (["profiles", "ssd", "titan"], [], "no rows"),
    "half a GPU": (["cluster", "accelerators", 0, "count"], 1.5, "count"),
    "another interpolation": (["interpolation"], "spline", "interpolation"),
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
        read_packing(document, Path())
    assert place in str(caught.value)
    assert violations(document)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["sessions", 0, "model"], "resnext", "resnet"),
        (["queries", 0, "root", "model"], "yolo", "unknown model 'yolo'"),
        (["cluster", "accelerators", 0, "name"], "v100", "no profile on any accelerator"),
        (["prefix_groups"], [{"name": "g", "prefix": "ssd", "members": [{"session": "s9", "suffix": "ssd"}]}], "s9"),
        (["profiles", "ssd", "titan"], [{"batch": 1, "latency_ms": 1}, {"batch": 1, "latency_ms": 2}], "two latencies"),
        (["profiles", "ssd", "titan"], [ROWS[0], {"batch": 8, "latency_ms": 75}], r"ssd.titan\[1\]"),
        (["max_batch"], 2, "no batch may be run"),
    ],
)
def test_contradictions_that_only_a_reader_sees(path: list[Any], value: Any, words: str) -> None:
    document = copy.deepcopy(SOUND)
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(go.InputError, match=words):
        read_packing(document, Path())


def family(shared: float, own: float, rates: list[float], slos: list[float]) -> go.PackingInstance:
    """Models whose batches of b take ``shared`` b ms before they differ and ``own`` b + 1 ms after, and the same unshared."""
    batches = range(1, 33)
    profiles = [go.BatchProfile.from_ms("prefix", "gpu", {b: shared * b + 4 for b in batches})]
    profiles += [
        go.BatchProfile.from_ms(f"suffix{k}", "gpu", {b: own * b + 1 for b in batches}) for k in range(len(rates))
    ]
    profiles += [
        go.BatchProfile.from_ms(f"m{k}", "gpu", {b: (shared + own) * b + 5 for b in batches}) for k in range(len(rates))
    ]
    names = [f"s{k}" for k in range(len(rates))]
    sessions = go.SessionSet(names, model=[f"m{k}" for k in range(len(rates))], rate_rps=rates, slo_ms=slos)
    group = go.PrefixGroup("g", "prefix", tuple((name, f"suffix{k}") for k, name in enumerate(names)))
    return go.PackingInstance(GPU, profiles, sessions, prefix_groups=[group])


def test_models_that_share_most_of_their_work_share_a_gpu() -> None:
    found = choose(family(1.0, 0.05, [20.0] * 10, [60.0] * 10))
    assert found.merged == ("g",)
    assert found.solution.status == found.alone.status == "optimal"
    assert found.solution.value < found.alone.value
    assert found.instance.sessions.names[0] == "g"
    assert found.instance.sessions.rate_rps[0] == pytest.approx(200.0)


def test_a_group_with_one_tight_objective_stays_apart() -> None:
    """Merged, all would take the tightest objective, 13 ms, which the sum of suffixes alone breaks."""
    found = choose(family(1.0, 0.5, [20.0] * 6, [13.0, *[200.0] * 5]))
    assert found.merged == ()
    assert found.solution is found.alone


def test_the_groups_latency_is_prefix_and_suffixes() -> None:
    instance = family(1.0, 0.5, [30.0, 10.0], [200.0, 300.0])
    merged = merge(instance, instance.prefix_groups)
    (profile,) = [p for p in merged.profiles if p.model == "g"]
    # a batch of 4 is three of the first and one of the second
    assert profile.latency_us[profile.batch == 4].tolist() == [round(1000 * ((4 + 4) + (1.5 + 1) + (0.5 + 1)))]
    assert merged.sessions.slo_ms.tolist() == [200.0]
    with pytest.raises(go.InputError, match="two prefix groups"):
        merge(instance, [*instance.prefix_groups, *instance.prefix_groups])
    with pytest.raises(go.InputError, match="no prefix groups"):
        choose(merged)
    idle = instance.replace(sessions=instance.sessions.replace(rate_rps=[0.0, 0.0]))
    with pytest.raises(go.InputError, match="no member has requests"):
        merge(idle, idle.prefix_groups)
