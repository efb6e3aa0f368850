"""What stands below a field in the source of its model is its description in the schema alone."""

from pydantic.json_schema import models_json_schema

from kohakuriver.apiserver.serving.field_docs import DescribedSchema, descriptions
from kohakuriver.resources.meta import Model
from kohakuriver.resources.models import MODELS, VIEWS


class Inner(Model):
    """What is within."""

    first_value: int = 1
    """Said of the first,
    in two lines."""

    plain: int = 2
    third: str = ""
    "Said of the third."


class Outer(Inner):
    """What is around it."""

    inner: Inner
    """Said of what is within."""

    inners: list[Inner] | None = None
    """Said of many."""


def test_each_field_has_what_is_said_of_it_and_those_of_the_bases_too() -> None:
    assert descriptions(Outer) == {
        "first_value": "Said of the first,\nin two lines.",
        "third": "Said of the third.",
        "inner": "Said of what is within.",
        "inners": "Said of many.",
    }


def test_a_schema_has_the_descriptions_by_the_names_in_json() -> None:
    _, whole = models_json_schema([(Outer, "validation")], schema_generator=DescribedSchema)
    made = whole["$defs"]["Outer"]
    assert made["description"] == "What is around it."
    said = {name: one.get("description") for name, one in made["properties"].items()}
    assert said == {
        "firstValue": "Said of the first,\nin two lines.",
        "plain": None,
        "third": "Said of the third.",
        "inner": "Said of what is within.",
        "inners": "Said of many.",
    }


def test_a_program_that_starts_reads_no_source() -> None:
    fields = [field for model in (MODELS | VIEWS).values() for field in model.model_fields.values()]
    assert len(fields) > 50
    assert {field.description for field in fields} == {None}
