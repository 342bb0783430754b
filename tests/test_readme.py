"""What the README shows is what its code prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

import gavelopt as go

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.S)


@pytest.mark.parametrize("columns", ["80", "100", "160"])
def test_first_screen_prints_what_it_shows(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)  # some test runners are told a width
    shown = re.search(r"```text\n(.*?)```", README, re.S)
    assert shown is not None
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(PYTHON[0], "README", "exec"), {})
    printed = [line.rstrip() for line in out.getvalue().splitlines() if not line.startswith("time ")]
    # the last digits of a gap are rounding noise of the machine
    blur = [re.sub(r"gap \S+", "gap", line) for line in printed]
    assert blur == [re.sub(r"gap \S+", "gap", line.rstrip()) for line in shown.group(1).splitlines()]


def test_declared_policy_solves() -> None:
    scope: dict[str, type[go.Policy]] = {}
    exec(compile(PYTHON[2].replace("from __future__", "#"), "README", "exec"), scope)
    instance = go.Instance.from_arrays([[2.0, 1.0], [1.0, 4.0]], [1, 1], steps=[100, 100], deadline_s=[50, 100])
    solution = go.solve(instance, scope["Deadline"]())
    assert solution.status == "optimal"
    # each job whole on its own type: 100 / 2 / 50 = 1 and 100 / 4 / 100 = 1/4; any other split makes the first later
    assert solution.value is not None
    assert abs(solution.value - 1.0) < 1e-9


def test_both_commands_are_there() -> None:
    commands = re.findall(r"```bash\n(.*?)```", README, re.S)
    assert "gavelopt solve --policy max_min" in commands[0]
    assert "pytest" in commands[1]
