"""What only a process of its own can show: what is loaded, streams that are no terminal, pipes, Ctrl-C, encodings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gavelopt as go
from gavelopt.io.write import write_instance

GAVELOPT = [sys.executable, "-m", "gavelopt"]
HEAVY = ("cvxpy", "highspy", "ortools", "matplotlib", "pandas", "numba")


def run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GAVELOPT, *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names in other scripts, with markup in them, and long."""
    names = ["模型 甲", "[red]ярлык[/red]", "x" * 200, "tab\tin it"]
    instance = go.Instance.from_arrays(np.array([[4.0, 1], [3, 1], [2, 2], [1, 1]]), [1, 1], jobs=names)
    return write_instance(instance, tmp_path_factory.mktemp("cli") / "strange.json")


@pytest.mark.parametrize("words", [["--help"], ["solve", "--help"], ["--version"]])
def test_help_loads_no_solver(words: list[str]) -> None:
    code = (
        "import sys; from gavelopt.cli import main\n"
        f"sys.argv = ['gavelopt', *{words!r}]\n"
        "try: main()\n"
        f"finally: print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stdout.strip().endswith("LOADED []")


def test_version() -> None:
    assert run("--version").stdout.strip() == f"gavelopt {go.__version__}"


def test_without_a_terminal_there_are_no_colour_codes(strange: Path) -> None:
    for words in (["--help"], ["solve", strange], ["compare", strange], ["policies"], ["inspect", strange]):
        done = run(*words)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("columns", ["60", "140"])
def test_tables_fit_the_terminal_and_names_are_intact(strange: Path, columns: str) -> None:
    done = run("solve", strange, "-p", "max_sum", COLUMNS=columns)
    assert all(len(line) <= int(columns) for line in done.stdout.split("\n"))
    assert "模型 甲" in done.stdout
    assert "[red]ярлык[/red]" in done.stdout
    assert "tab\\tin it" in done.stdout
    assert "…" in done.stdout


def test_json_keeps_names_exactly(strange: Path) -> None:
    document = json.loads(run("solve", strange, "--json").stdout)
    assert set(document["allocation"]) == {"模型 甲", "[red]ярлык[/red]", "x" * 200, "tab\tin it"}


def test_a_terminal_that_knows_only_ascii(strange: Path) -> None:
    done = run("solve", strange, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "?? ?" in done.stdout
    assert done.stdout.isascii()
    assert done.stderr == ""


def test_a_reader_that_leaves_is_no_error() -> None:
    """The pipe's reading end is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.Popen([*GAVELOPT, "policies"], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    _, said = done.communicate(timeout=60)
    assert said == ""
    assert done.returncode in (0, 1)


def test_ctrl_c_ends_at_once_without_a_traceback(tmp_path: Path) -> None:
    """The program is caught in the middle of its work: reading a file that never ends."""
    endless = tmp_path / "endless.json"
    os.mkfifo(endless)
    work = subprocess.Popen([*GAVELOPT, "solve", endless], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with open(endless, "w"):  # returns when the program has opened its end
        work.send_signal(signal.SIGINT)
        told, said = work.communicate(timeout=30)
    assert work.returncode == -signal.SIGINT
    assert (told, said) == ("", "")
