"""What root in a VPS may do: its capabilities, and whether programs may gain rights."""

from typing import Annotated

import pydantic

from kohakuriver.resources import capabilities, meta


def _to_drop(name: str) -> str:
    return name if name == capabilities.ALL else capabilities.parse(name)


def _to_add(name: str) -> str:
    if name == capabilities.ALL:
        raise ValueError("ALL cannot be added: name each capability that the VPS needs")
    return capabilities.parse(name)


Added = Annotated[str, pydantic.AfterValidator(_to_add)]
Dropped = Annotated[str, pydantic.AfterValidator(_to_drop)]


class Capabilities(meta.Model):
    """Rights of root in the container, as capabilities(7) names them, without CAP_."""

    add: Annotated[list[Added] | None, pydantic.Field(max_length=64), meta.a_set()] = None
    """Beyond the default. The node (`kohakuriver agent --allow-capability`) and the user's role must allow
    each."""
    drop: Annotated[list[Dropped] | None, pydantic.Field(max_length=64), meta.a_set()] = None
    """Taken from the default; ALL takes all of them, but for those in `add`."""

    @pydantic.model_validator(mode="after")
    def _one_or_the_other(self) -> "Capabilities":
        both = sorted({*(self.add or ())} & {*(self.drop or ())})
        if both:
            raise ValueError(f"add and drop both name {', '.join(both)}: remove it from one of the two")
        return self


class Security(meta.Model):
    """What root in the container may do. Takes effect when the container is made anew."""

    capabilities: Capabilities | None = None
    """Capabilities beyond the default, or fewer."""
    no_new_privileges: bool | None = None
    """Programs gain no rights by setuid or file capabilities: sudo and su then fail for all but root."""
