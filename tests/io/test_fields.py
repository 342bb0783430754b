"""Fields: what each kind of value accepts, and the path in every error."""

from __future__ import annotations

from typing import Any

import pytest

from gavelopt.errors import InputError
from gavelopt.io.fields import Fields

DOCUMENT: dict[str, Any] = {
    "name": "a",
    "rate": 2,
    "count": 3.0,
    "on": False,
    "list": [1, 2.5],
    "nothing": None,
    "inner": {"deep": {"x": "text"}},
    "rows": [{"x": 1}, {"x": -1}],
}


def test_values() -> None:
    fields = Fields(DOCUMENT)
    assert fields.text("name") == "a"
    assert fields.number("rate") == 2.0
    assert isinstance(fields.number("rate"), float)
    assert fields.integer("count") == 3
    assert isinstance(fields.integer("count"), int)
    assert fields.flag("on") is False
    assert fields.numbers("list", minimum=1) == [1.0, 2.5]
    assert fields.section("inner").section("deep").text("x") == "text"
    assert [row.where for row in fields.sections("rows")] == ["rows[0]", "rows[1]"]


@pytest.mark.parametrize("name", ["nothing", "absent"])
def test_null_counts_as_absent(name: str) -> None:
    fields = Fields(DOCUMENT)
    assert not fields.has(name)
    assert fields.text(name, None) is None
    assert fields.number(name, 1.5) == 1.5
    assert fields.array(name, []) == []
    assert fields.mapping(name, {}) == {}
    assert fields.flag(name, True) is True


@pytest.mark.parametrize(
    ("read", "place"),
    [
        (lambda f: f.section("inner").section("deep").number("x"), "inner.deep.x must be a number"),
        (lambda f: f.sections("rows")[1].number("x", minimum=0), "rows[1].x out of range"),
        (lambda f: f.numbers("list", maximum=2), "list[1] out of range"),
        (lambda f: f.numbers("list", whole=True), "list[1] must be whole"),
        (lambda f: f.number("on"), "on must be a number"),
        (lambda f: f.flag("rate"), "rate must be true or false"),
        (lambda f: f.array("inner"), "inner must be a list"),
        (lambda f: f.mapping("list"), "list must be an object"),
        (lambda f: f.text("rate"), "rate must be a string"),
        (lambda f: f.text("nothing"), "nothing must not be null"),
        (lambda f: f.section("inner").text("deap"), "inner.deap is missing"),
        (lambda f: f.text("name", choices=("b", "c")), "unknown name 'a'"),
    ],
)
def test_errors_name_the_path(read: Any, place: str) -> None:
    with pytest.raises(InputError) as caught:
        read(Fields(DOCUMENT))
    assert str(caught.value).startswith(place)


def test_a_missing_field_offers_the_one_that_comes_close() -> None:
    with pytest.raises(InputError, match="'rate' is there: rename it to 'rates'"):
        Fields(DOCUMENT).number("rates")


def test_done_refuses_what_nobody_took() -> None:
    fields = Fields({"rate": 1, "raet": 2})
    fields.number("rate")
    with pytest.raises(InputError, match="unknown field 'raet'"):
        fields.done()


def test_done_is_content_when_all_were_taken() -> None:
    fields = Fields({"rate": 1})
    fields.number("rate")
    fields.done()
    assert fields.document == {"rate": 1}
