"""The picture: it is written, it shows the right numbers, and it refuses what it cannot do."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gavelopt as go
from tests.report.instances import CLASSIC, random_instance


def test_a_picture_is_written_and_shows_the_allocation(tmp_path: Path) -> None:
    solution = go.solve(CLASSIC, "max_sum")
    figure = solution.plot(tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    heat, _, _, prices = figure.axes
    assert np.allclose(heat.images[0].get_array(), solution.allocation)
    assert [tick.get_text() for tick in heat.get_yticklabels()] == ["a", "b", "c"]
    assert [bar.get_height() for bar in prices.patches] == pytest.approx([3.0, 1.0])  # one more, not one less


def test_many_jobs_are_averaged_into_bands(tmp_path: Path) -> None:
    solution = go.solve(random_instance(2000), "max_sum", method="greedy")
    figure = solution.plot(tmp_path / "x.svg")
    bands = figure.axes[0].images[0].get_array()
    assert len(bands) <= 600
    assert solution.allocation is not None
    assert np.allclose(bands[0], solution.allocation.matrix[:4].mean(axis=0))


def test_a_label_with_dollars_is_no_formula(tmp_path: Path) -> None:
    instance = go.Instance.from_arrays([[1.0]], [1], jobs=["cost $\\frac{$"])
    go.solve(instance, "max_min").plot(tmp_path / "x.pdf")
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("name", "what"), [("x.foo", "cannot write this kind of picture"), ("no/x.png", "no such folder")]
)
def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path, name: str, what: str) -> None:
    with pytest.raises(go.InputError, match=what):
        go.solve(CLASSIC, "max_sum").plot(tmp_path / name)


def test_no_allocation_is_refused() -> None:
    stuck = go.Instance.from_arrays([[0.0]], [1], steps=[10.0])
    with pytest.raises(go.InputError, match="nothing to plot"):
        go.solve(stuck, "makespan").plot()


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest, **more)

    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(go.InputError, match=r"gavelopt\[plot\]"):
        go.solve(CLASSIC, "max_sum").plot(tmp_path / "x.png")
