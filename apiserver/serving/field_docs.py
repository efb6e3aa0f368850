"""What stands below the fields of models in their source, as the descriptions in their JSON schemas.

pydantic would read it itself while it makes a model, and parses the source of each: a fifth of the time that
every program takes to start. Schemas are asked for once in a server's life, if at all.
"""

import ast
import functools
import inspect
import sys
from collections.abc import Mapping

import pydantic
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


class DescribedSchema(GenerateJsonSchema):
    """JSON schemas whose properties have descriptions."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        model: type[pydantic.BaseModel] = schema["cls"]
        said = descriptions(model)
        for name, field in model.model_fields.items():
            found = made.get("properties", {}).get(field.alias or name)
            if found is not None and name in said:
                found.setdefault("description", said[name])
        return made


def descriptions(model: type[pydantic.BaseModel]) -> Mapping[str, str]:
    """What is said of each field, by its name in Python; the bases' are there too."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, pydantic.BaseModel) and base is not pydantic.BaseModel:
            found |= _said_in(base.__module__).get(base.__qualname__, {})
    return found


@functools.cache
def _said_in(module: str) -> Mapping[str, Mapping[str, str]]:
    """The text below each annotated name of each class, by class."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {one.name: dict(_said_of(one)) for one in tree.body if isinstance(one, ast.ClassDef)}


def _said_of(one: ast.ClassDef) -> list[tuple[str, str]]:
    return [
        (field.target.id, inspect.cleandoc(below.value.value))
        for field, below in zip(one.body, one.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(below.value.value, str)
    ]
