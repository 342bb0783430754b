"""gavelopt audit: exit codes, one JSON document, words for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gavelopt.cli import app
from tests.audit.cases import said

run = CliRunner()


def test_the_example_is_audited() -> None:
    result = run.invoke(app, ["audit"])
    assert result.exit_code == 0
    for words in ("audit of max_min", "sharing incentive", "envy-freeness", "Pareto efficiency", "price of fairness"):
        assert words in said(result.stdout)


def test_json_is_one_document() -> None:
    result = run.invoke(app, ["audit", "--policy", "isolated", "--probe", "1", "--json"])
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["feasible"] is True
    names = [finding["name"] for finding in document["findings"]]
    assert names == [
        "sharing_incentive",
        "envy_freeness",
        "pareto_efficiency",
        "finish_time_fairness",
        "strategy_proofness",
    ]


def test_strict_fails_on_a_violation() -> None:
    assert run.invoke(app, ["audit", "--policy", "max_sum"]).exit_code == 0
    assert run.invoke(app, ["audit", "--policy", "max_sum", "--strict"]).exit_code == 1


def test_an_allocation_from_elsewhere(tmp_path: Path) -> None:
    instance, held = tmp_path / "question.json", tmp_path / "held.csv"
    jobs = [{"name": "a"}, {"name": "b"}]
    rates = {"a": {"v100": 4.0}, "b": {"v100": 4.0}}
    document = {"format": "gavelopt/1", "kind": "training", "jobs": jobs}
    document["cluster"] = {"accelerators": [{"name": "v100", "count": 1}]}
    document["throughputs"] = {"unit": "steps/s", "rates": rates}
    instance.write_text(json.dumps(document))
    held.write_text("job,v100\na,0.75\nb,0.25\n")
    result = run.invoke(app, ["audit", str(instance), str(held)])
    assert result.exit_code == 0
    assert "b runs at 1 steps/s; with the accelerators of a it would run at 3 (3 times)" in said(result.stdout)
    held.write_text("job,v100\na,0.75\nb,0.5\n")
    over = run.invoke(app, ["audit", str(instance), str(held)])
    assert over.exit_code == 1
    assert "broken by 0.25, worst at v100" in said(over.stdout)
    held.write_text("job,v100\nc,0.75\n")
    wrong = run.invoke(app, ["audit", str(instance), str(held)])
    assert wrong.exit_code == 2
    assert "unknown job 'c'" in said(wrong.stderr)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--entitlement", "luck"], "unknown entitlement"),
        (["--policy", "max_mim"], "did you mean 'max_min'"),
    ],
)
def test_mistakes_are_bad_input(arguments: list[str], words: str) -> None:
    result = run.invoke(app, ["audit", *arguments])
    assert result.exit_code == 2
    assert words in said(result.stderr)
