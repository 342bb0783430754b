"""Damaged files of every format either read or give an InputError; no other exception ever reaches the user."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gavelopt as go
from gavelopt.io.gavel_throughputs import read_gavel_throughputs
from gavelopt.io.gavel_traces import read_gavel_trace
from tests.io.malformed import CLUSTER, MATRIX, PROFILES, SOUND, TIDY, TRACE

SETTINGS = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
)


@st.composite
def damaged_documents(draw: st.DrawFn, sound: dict[str, Any]) -> str:
    """The sound document with one to three values replaced, removed or added anywhere."""
    document = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        holder: Any = document
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], (dict, list)) and draw(st.booleans()):
                holder = holder[key]
                continue
            if draw(st.booleans()):
                holder[key] = draw(VALUES)
            else:
                del holder[key]
            break
    return json.dumps(document)


@st.composite
def damaged_texts(draw: st.DrawFn, sound: str) -> bytes:
    """The sound text with a few stretches cut out or replaced by any bytes."""
    content = sound.encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 4))
        content = content[:start] + draw(st.binary(max_size=4)) + content[start + length :]
    return content


def reads_or_says_why(name: str, content: bytes, read: Any) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(content)
        found: object
        try:
            found = read(file)
        except go.InputError as error:
            found = error
        assert str(found)
        assert isinstance(found, (go.Instance, go.JobSet, go.ThroughputProfiles, go.InputError))


@SETTINGS
@given(damaged_documents(SOUND))
def test_native(document: str) -> None:
    reads_or_says_why("x.json", document.encode(), lambda file: go.read(file, cluster=CLUSTER, jobs=None))


@SETTINGS
@given(damaged_texts(json.dumps(SOUND, indent=1)))
def test_native_bytes(content: bytes) -> None:
    reads_or_says_why("x.json", content, go.read)


@SETTINGS
@given(damaged_documents(PROFILES))
def test_gavel_throughputs(document: str) -> None:
    reads_or_says_why("x.json", document.encode(), read_gavel_throughputs)


@SETTINGS
@given(st.sampled_from([MATRIX, TIDY]).flatmap(damaged_texts))
def test_tables(content: bytes) -> None:
    reads_or_says_why("x.csv", content, lambda file: go.read(file, cluster=CLUSTER))


@SETTINGS
@given(damaged_texts(TRACE))
def test_traces(content: bytes) -> None:
    reads_or_says_why("x.trace", content, read_gavel_trace)
