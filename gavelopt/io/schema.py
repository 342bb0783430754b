"""The published JSON Schema of ``gavelopt/1``, for editors and for checking files without gavelopt.

Reading uses ``fields`` instead: it names the closest key and knows what a schema cannot say (that a rate's job exists).
The tests hold both to the same verdict.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

SCHEMA_FILE = "gavelopt-1.schema.json"


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the native file."""
    text = resources.files("gavelopt").joinpath("data", SCHEMA_FILE).read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def violations(document: Any) -> list[str]:
    """Everything in which a parsed document breaks the schema, one line each; an empty list when it is sound."""
    import jsonschema

    found = jsonschema.Draft202012Validator(schema()).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in sorted(found, key=lambda error: error.json_path)]
