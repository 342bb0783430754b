"""A user's mistake is one clear message on standard error, exit code 2, and never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gavelopt.cli.options import settings
from gavelopt.errors import InputError
from tests.cli.conftest import Run

MISTAKES = {
    "unknown policy": (["solve", "FILE", "-p", "max_mim"], "did you mean 'max_min'?"),
    "unknown method": (["solve", "FILE", "-m", "exakt"], "did you mean 'exact'?"),
    "unknown setting": (["solve", "FILE", "--set", "agnostc=true"], "did you mean 'agnostic'?"),
    "setting out of range": (["solve", "FILE", "--set", "normalize=worst"], "out of range"),
    "setting without a value": (["solve", "FILE", "--set", "agnostic"], "NAME=VALUE"),
    "setting that is an option": (["solve", "FILE", "--set", "time_limit=3"], "use --time-limit"),
    "unknown file": (["solve", "absent.json"], "no such file"),
    "unknown accelerator": (["solve", "FILE", "--cluster", "v10:4"], "did you mean 'v100'?"),
    "unreadable cluster": (["solve", "FILE", "--cluster", "4:4"], "cannot read the cluster specification"),
    "jobs without throughputs": (["solve", "--jobs", "x.trace"], "--throughputs FILE"),
    "unknown missing": (["solve", "FILE", "--missing", "forget"], "error, drop, scale"),
    "time limit": (["solve", "FILE", "--time-limit", "-1"], "time_limit out of range"),
    "tolerance": (["solve", "FILE", "--tolerance", "2"], "tolerance out of range"),
    "no methods": (["compare", "FILE", "--methods", ","], "no method named"),
    "unknown compared method": (["compare", "FILE", "--methods", "exakt"], "did you mean 'exact'?"),
    "unknown policy to show": (["policies", "makespam"], "did you mean 'makespan'?"),
    "picture ending": (["plot", "FILE", "--out", "x.foo"], "cannot write this kind of picture"),
    "convert to what": (["convert", "FILE", "x.foo"], "unknown file ending '.foo'"),
    "inspect nothing": (["inspect", "absent.json"], "no such file"),
    "unknown option": (["solve", "--polcy", "max_min"], "--polcy"),
    "unknown command": (["slove"], "slove"),
    "not a number": (["solve", "FILE", "--seed", "many"], "--seed"),
    "too few arguments": (["convert", "FILE"], "OUT"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told(run: Run, classic: Path, mistake: str) -> None:
    words, told = MISTAKES[mistake]
    done = run(*(classic if word == "FILE" else word for word in words))
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_mistake_with_json_is_a_document_too(run: Run, classic: Path) -> None:
    done = run("solve", classic, "-p", "max_mim", "--json")
    assert done.exit_code == 2
    error = json.loads(done.stdout)["error"]
    assert error["what"] == "unknown policy 'max_mim'"
    assert error["fix"] == "did you mean 'max_min'?"
    assert "max_mim" in done.stderr


def test_a_broken_file_is_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{"format": "gavelopt/1", "kind": ')
    done = run("solve", path)
    assert done.exit_code == 2
    assert str(path) in done.stderr


def test_a_fix_names_the_option_not_the_keyword(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "few.trace"
    path.write_text("A3C\tcmd\t.\t-n\t0\t100\t1\t1\t-1\t0\n")
    done = run("solve", path)
    assert done.exit_code == 2
    assert "--cluster '36:36:36'" in done.stderr
    assert "cluster='" not in done.stderr


def test_values_of_settings() -> None:
    given = ["a=true", "b=False", "c=none", "d=-1", "e=1e3", "f=-inf", "g=best", "h=None", 'i="7"', "j = x=y"]
    assert settings(given) == {
        "a": True,
        "b": False,
        "c": "none",
        "d": -1,
        "e": 1000.0,
        "f": float("-inf"),
        "g": "best",
        "h": None,
        "i": "7",
        "j": "x=y",
    }
    assert settings(None) == {}
    with pytest.raises(InputError, match="twice"):
        settings(["a=1", "a=2"])
