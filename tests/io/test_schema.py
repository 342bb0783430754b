"""The published JSON Schema and the reader give the same verdict, except on what only a reader can know."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import gavelopt as go
from gavelopt.io.schema import schema, violations
from gavelopt.io.training import read_training
from tests.io.malformed import CASES, SOUND, Case

# What a schema cannot say: that a name is used twice, or names something that is not there.
BEYOND_A_SCHEMA = {
    "accelerator_twice",
    "job_twice",
    "json_key_twice",
    "entity_undeclared",
    "rates_of_an_unknown_job",
    "rates_of_a_job_missing",
    "rate_of_an_unknown_type",
    "pair_with_itself",
    "pair_twice",
    "pair_of_an_unknown_job",
}


def test_it_is_a_sound_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_sound_document_fits() -> None:
    assert violations(SOUND) == []


def _parsed(content: str | bytes) -> Any:
    """The document, if it is one: a damaged file, NaN, Infinity and 1e999 are no fault of the document."""
    if isinstance(content, bytes) or any(number in content for number in ("NaN", "Infinity", "1e999")):
        return None
    try:
        return json.loads(content)
    except ValueError:
        return None


MALFORMED = [case for case in CASES if list(case.files) == ["x.json"] and _parsed(case.files["x.json"]) is not None]


@pytest.mark.parametrize("case", MALFORMED, ids=lambda case: case.name)
def test_it_refuses_what_the_reader_refuses(case: Case) -> None:
    found = violations(_parsed(case.files["x.json"]))
    assert bool(found) != (case.name in BEYOND_A_SCHEMA), found


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in items for found in _paths(item, (*path, key)))]


@pytest.mark.parametrize("path", [path for path in _paths(SOUND) if path], ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("value", [None, "text", "", -1, 1.5, True, [], {}, "absent", "renamed"], ids=repr)
def test_one_change_anywhere(path: tuple[Any, ...], value: Any) -> None:
    """Put a wrong or empty value at every place of the sound document; whatever the schema refuses, the reader refuses."""
    document = copy.deepcopy(SOUND)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    if value == "absent":
        del holder[path[-1]]
    elif value == "renamed" and isinstance(holder, dict):
        holder["renamed"] = holder.pop(path[-1])
    else:
        holder[path[-1]] = value
    refused = None
    try:
        if document.get("format") != "gavelopt/1" or document.get("kind") != "training":
            raise go.InputError("dispatch refuses this before the reader sees it")
        read_training(document, Path("x.json"))
    except go.InputError as error:
        refused = str(error)
    assert not (violations(document) and refused is None), violations(document)
    if refused is not None and not violations(document):
        names_something_else = ("unknown", "duplicate", "no rates", "not declared", "itself", "a list of two names")
        assert any(words in refused for words in names_something_else), refused
