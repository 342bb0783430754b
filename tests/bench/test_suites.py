"""Suite files: what they stand for, and what is said of a mistake in one."""

from __future__ import annotations

from pathlib import Path

import pytest

import gavelopt as go
from gavelopt.bench.families import FIGURES, INSTANCES, called, registered
from gavelopt.bench.instances import RATES, dirty
from gavelopt.bench.suite import find_suites, read_suite
from gavelopt.engine.registry import lookup, methods_of
from gavelopt.replay.discipline import schedulers

SHIPPED = ("alpaserve", "gavel", "nexus", "pollux", "replay", "reproduce", "robustness", "scaling")


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_suite_is_the_product_of_its_lists(tmp_path: Path) -> None:
    text = """
    seeds = [0, 1]
    [quick]
    seeds = [7]
    [[case]]
    instance = "gavel"
    with = { jobs = [4, 8], cluster = "v100:2" }
    policy = ["max_min", { name = "power_mean", p = -inf }]
    method = ["exact", { name = "pop", parts = 2 }]
    [[case]]
    instance = "nexus"
    policy = "squishy"
    quick = false
    """
    path = written(tmp_path, text)
    runs = read_suite(path).runs
    assert len(runs) == 2 * 2 * 2 * 2 + 2
    assert len({run.key for run in runs}) == len(runs)
    assert {run.drawn_from for run in runs} == {
        "gavel(jobs=4, cluster=v100:2)",
        "gavel(jobs=8, cluster=v100:2)",
        "nexus",
    }
    assert {run.question for run in runs} == {"max_min", "power_mean(p=-inf)", "squishy"}
    assert {run.by for run in runs} == {"exact", "pop(parts=2)", "auto"}
    quick = read_suite(path, quick=True).runs
    assert {run.seed for run in quick} == {7}
    assert all(run.policy["name"] != "squishy" for run in quick)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("case = 3 =", "not a TOML file"),
        ("sedes = [0]", "did you mean 'seeds'"),
        ('[[case]]\ninstance = "gavel"\npolicy = "max_min"\nmethods = "exact"', "did you mean 'method'"),
        ('[[case]]\ninstance = "gavel"', "one kind of question"),
        ('[[case]]\ninstance = "gavel"\npolicy = "max_min"\nreplay = "fcfs"', "one kind of question"),
        ('[[case]]\npolicy = "max_min"', "needs instances"),
        ('[[case]]\ninstance = "gavel"\npolicy = 3', "not a name"),
        ('time_limit_s = 0\n[[case]]\ninstance = "gavel"\npolicy = "max_min"', "time_limit_s out of range"),
        ('[[case]]\nfigure = "x"\npublished = { value = 1 }', "lacks something"),
        (
            'seeds = [0, 1]\n[[case]]\nfigure = "x"\npublished = { value = 1, tolerance = 1, source = "" }',
            "case of one run",
        ),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(go.InputError) as caught:
        read_suite(path)
    assert words in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_all_suites_are_here_and_name_what_exists() -> None:
    paths = find_suites([])
    assert tuple(path.stem for path in paths) == SHIPPED
    for path in paths:
        full, quick = read_suite(path).runs, read_suite(path, quick=True).runs
        assert 0 < len(quick) <= len(full)
        for run in full:
            if "family" in run.instance:
                assert run.instance["family"] in registered(INSTANCES)
            name = run.policy["name"]
            if run.kind == "solve":
                owner = lookup(name)
                assert isinstance(owner, type)
                assert run.method["name"] in {"auto", *methods_of(owner)}
            elif run.kind == "figure":
                assert name in registered(FIGURES)
            else:
                assert name in schedulers() or lookup(name)


def test_an_unknown_suite_has_a_suggestion() -> None:
    with pytest.raises(go.UnknownName, match="did you mean 'nexus'"):
        find_suites(["nexsu"])
    with pytest.raises(go.InputError, match="no such suite"):
        find_suites(["nowhere/mine.toml"])


def test_families_are_seeded() -> None:
    for name in ("gavel", "dirty", "trace"):
        first, again, other = (called(INSTANCES, name, {"jobs": 6}, seed) for seed in (1, 1, 2))
        assert (first.throughputs.rows == again.throughputs.rows).all()
        assert first.jobs.steps.tolist() == again.jobs.steps.tolist() != other.jobs.steps.tolist()
    with pytest.raises(go.UnknownName, match="did you mean 'jobs'"):
        called(INSTANCES, "gavel", {"job": 6}, 0)


@pytest.mark.parametrize("kind", RATES)
def test_dirty_tables_are_solved(kind: str) -> None:
    solution = go.solve(dirty(kind, 10, seed=3), "max_min")
    assert solution.status == "optimal", solution.message


@pytest.mark.parametrize(
    ("alpha", "split", "published"),
    [
        (0.1, 40, 192.3),
        (0.1, 60, 272.7),
        (1.0, 40, 142.9),
        (1.0, 50, 153.8),
        (10.0, 40, 40.0),
        (10.0, 60, 27.3),
        (10.0, None, 40.0),
    ],
)
def test_the_published_query_table(alpha: float, split: int | None, published: float) -> None:
    found = called(FIGURES, "nexus_query_throughput", {"alpha": alpha, "x_ms": split}, 0)
    assert found == pytest.approx(published, abs=0.05)
