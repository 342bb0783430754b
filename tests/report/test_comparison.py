"""A comparison as a picture and in notebooks."""

from __future__ import annotations

from pathlib import Path

import pytest

import gavelopt as go
from gavelopt.report.comparison import part_of_bound


def test_the_picture_names_every_method(tmp_path: Path) -> None:
    comparison = go.compare(go.examples.tiny(), "max_min", ["exact", "greedy"])
    figure = comparison.plot(tmp_path / "x.svg")
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["exact (exact)", "greedy (heuristic)"]
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown[0].startswith("0.820513, gap")
    assert (tmp_path / "x.svg").read_text().startswith("<?xml")


def test_a_method_without_an_answer_says_so(tmp_path: Path) -> None:
    instance = go.Instance.from_arrays([[1.0], [0.0]], [1.0], steps=[1.0, 1.0])
    with pytest.raises(go.InputError, match="nothing to plot"):
        go.compare(instance, "makespan", ["exact", "greedy"]).plot(tmp_path / "x.png")


def test_shares_of_the_bound() -> None:
    assert part_of_bound(0.25, "max") == 0.75
    assert part_of_bound(0.25, "min") == 0.8
    assert part_of_bound(3.0, "max") == 0.0


def test_notebooks_get_a_table() -> None:
    html = go.compare(go.examples.tiny(), "max_min", ["exact", "greedy"])._repr_html_()
    assert html.startswith("<pre")
    assert "greedy" in html
