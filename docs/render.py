"""Run every code block of the documentation and write what it printed below it.

    python docs/render.py            rewrite the outputs of all pages
    python docs/render.py --check    exit 1, naming the block, where a page does not show what its code prints

A page is Markdown. A ``python`` block runs in the namespace of its page, a ``bash`` block line by line, both in a folder that
is thrown away; a ``text`` block directly below is the output. Blocks marked ``python no-run`` or ``bash no-run`` are not run.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent
BLOCK = re.compile(r"^```(python|bash)( no-run)?\n(.*?)^```\n(\n?```text\n(.*?)^```\n)?", re.S | re.M)
WIDTH = 100
VARIES = [  # differs from run to run, or in the last digits from machine to machine
    (re.compile(r"^time .*\n", re.M), ""),
    (re.compile(r"gap \d\S*"), "gap"),
    (re.compile(r"\d[\d.e-]* (?:s|ms|min)$", re.M), "seconds"),
    (re.compile(r" +\d\S*( %)?  +seconds$", re.M), "  gap  seconds"),
    (re.compile(r" +"), " "),  # columns are as wide as what varies
    (re.compile(r"─+"), "─"),
]


@dataclass(frozen=True)
class Block:
    """One code block of a page: what it printed, and what the page says it prints (None: nothing is shown)."""

    line: int
    code: str
    printed: str
    shown: str | None

    @property
    def agrees(self) -> bool:
        return self.shown is None or blurred(self.printed) == blurred(self.shown)


def blurred(text: str) -> str:
    for pattern, stand_in in VARIES:
        text = pattern.sub(stand_in, text)
    return re.sub(r"[ \t]+$", "", text, flags=re.M).strip()


def pages() -> list[Path]:
    """Every page, in the order of the index."""
    return sorted(FOLDER.glob("*.md"))


def run_page(page: Path) -> Iterator[Block]:
    """Run the blocks of a page in order, in a folder of their own."""
    page = page.resolve()
    text = page.read_text(encoding="utf-8")
    module = sys.modules[page.stem] = ModuleType(page.stem)  # dataclasses look their module up
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for match in BLOCK.finditer(text):
            language, skipped, code, _, shown = match.groups()
            if not skipped:
                printed = _python(code, module.__dict__, page) if language == "python" else _bash(code, Path(folder))
                yield Block(text.count("\n", 0, match.start()) + 1, code, printed, shown)


def _python(code: str, namespace: dict[str, object], page: Path) -> str:
    out = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(WIDTH)
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(code, str(page), "exec", dont_inherit=True), namespace)
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    return out.getvalue()


def _bash(code: str, folder: Path) -> str:
    printed = []
    environment = {**os.environ, "COLUMNS": str(WIDTH), "NO_COLOR": "1"}
    for line in filter(None, code.splitlines()):
        command = shlex.split(line, comments=True)
        if command[0] == "gavelopt":
            command = [sys.executable, "-m", "gavelopt", *command[1:]]
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        printed.append(done.stdout)
    return "".join(printed)


def rewritten(page: Path) -> str:
    """The page with the present output of every block that shows one."""
    blocks = run_page(page)

    def fill(match: re.Match[str]) -> str:
        if match[2]:
            return match[0]
        block = next(blocks)
        if block.shown is None or block.agrees:
            return match[0]
        lines = "\n".join(line.rstrip() for line in block.printed.strip("\n").splitlines())
        head = match[0][: match.start(4) - match.start(0)]
        return f"{head}\n```text\n{lines}\n```\n"

    return BLOCK.sub(fill, page.read_text(encoding="utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("pages", nargs="*", type=lambda name: Path(name).resolve())
    given = parser.parse_args()
    wrong = 0
    for page in given.pages or pages():
        if given.check:
            for block in run_page(page):
                if not block.agrees:
                    wrong += 1
                    print(f"{page.name}, line {block.line}, prints\n{block.printed}")
        else:
            page.write_text(rewritten(page), encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
