"""Keeps typer from importing pydantic to read plain text: that takes longer than everything else together.

typer (since it does without click) turns every value into its type through pydantic, None and texts too.
Texts, switches and paths are read here; what else there is goes typer's way. Older versions never ask.
"""

from pathlib import Path
from typing import Any

_AS_TYPED = (str, bool, list[str])


class Coercion:
    """What typer asks for the value of one parameter."""

    def __init__(self, parameter: Any) -> None:
        self._annotation = parameter.type_descriptor.annotation
        self._typers_own = parameter.get_runtime_param

    def coerce(self, value: Any, **context: Any) -> Any:
        if value is None or self._annotation in _AS_TYPED:
            return value
        if self._annotation is Path:
            return Path(value)
        return self._typers_own().coerce(value, **context)


def shorten(parameters: list[Any]) -> list[Any]:
    """The same parameters, read by us where we can."""
    for parameter in parameters:
        if "get_runtime_param" not in vars(parameter) and hasattr(parameter, "get_runtime_param"):
            coercion = Coercion(parameter)
            parameter.get_runtime_param = lambda coercion=coercion: coercion
    return parameters
