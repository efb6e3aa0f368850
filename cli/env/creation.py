"""What `env create` and `env load` share: send the Environment, until an answer comes."""

from typing import Any

from kohakuriver import errors
from kohakuriver.cli import screen
from kohakuriver.cli.api import insist, targets
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.resources import kinds

_PARAMS = {"fieldValidation": "Strict", "fieldManager": "kohakuriver-env"}


def create(api: Api, name: str, spec: dict[str, Any]) -> Object:
    """The new Environment. Where an answer was lost, what is there and says the same is our own."""
    body = {
        "apiVersion": kinds.ENVIRONMENT.api_version,
        "kind": kinds.ENVIRONMENT.kind,
        "metadata": {"name": name},
        "spec": spec,
    }
    lost: list[bool] = []
    path = api.path(kinds.ENVIRONMENT)
    try:
        made = insist.call(api, "POST", path, on_lost=lambda: lost.append(True), params=_PARAMS, body=body)
    except errors.AlreadyExists as error:
        made = api.call("GET", api.path(kinds.ENVIRONMENT, name=name)) if lost else {}
        if made.get("spec") != spec:
            error.hint = f"choose another name, or delete that one: kohakuriver env delete {name}"
            raise
    screen.out(f"{title(name)} created")
    screen.flush()
    return made


def title(name: str) -> str:
    return targets.title(kinds.ENVIRONMENT, name)
