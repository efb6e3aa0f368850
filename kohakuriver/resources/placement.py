"""Where a VPS may run: the guide's `--target node[:numa][::gpus]`, node selectors and tolerations.

Part of the VPS model. What is chosen from it stands in `status.assignment.grant`.
"""

import re
from typing import Annotated, Literal

import pydantic

from kohakuriver.resources import meta

_UUID = re.compile(r"[A-Z]+-[A-Za-z0-9][-A-Za-z0-9/]*")


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise ValueError('write an index as a number, such as 0, or a UUID, such as "GPU-1f2e…"')
    return text


GPUIndex = Annotated[int, pydantic.Field(ge=0, le=1023)]
GPUUUID = Annotated[str, pydantic.Field(max_length=128), pydantic.AfterValidator(_uuid)]


class GPURequest(meta.Model):
    """Which GPUs, each for this VPS alone: by `ids`, or any `count` of them."""

    ids: Annotated[list[GPUIndex | GPUUUID], pydantic.Field(min_length=1, max_length=64)] | None = None
    """Indices on the named node, or UUIDs."""
    count: Annotated[int, pydantic.Field(ge=1, le=64)] | None = None
    """How many, wherever `ids` does not say; 1 by default."""
    model: Annotated[str, pydantic.Field(min_length=1, max_length=128)] | None = None
    """Part of the model's name, in any case, such as A100."""

    @pydantic.field_validator("ids")
    @classmethod
    def _each_once(cls, ids: list[int | str] | None) -> list[int | str] | None:
        doubled = [one for one in ids or () if (ids or []).count(one) > 1]
        if doubled:
            raise ValueError(f"GPU {doubled[0]} is named twice")
        return ids

    @pydantic.field_validator("count", "model")
    @classmethod
    def _not_beside_ids(cls, value: object, info: pydantic.ValidationInfo) -> object:
        if value is not None and info.data.get("ids") is not None:
            raise ValueError(f"ids say which GPUs: leave {info.field_name} out, or leave ids out")
        return value

    @pydantic.model_validator(mode="after")
    def _one_by_default(self) -> "GPURequest":
        if self.ids is None and self.count is None:
            self.count = 1
        return self


class Placement(meta.Model):
    """Where the VPS may run. Its node cannot be changed while it is bound to one."""

    node: str | None = None
    """The one node it must run on."""
    node_selector: meta.Labels | None = None
    """Labels the node must carry."""
    numa: Annotated[int, pydantic.Field(ge=0, le=1023)] | None = None
    """The NUMA node, by its number on the machine, whose cores and GPUs it uses."""
    gpus: GPURequest | None = None
    """The GPUs it holds for itself. Another choice takes effect at the next restart."""

    @pydantic.field_validator("gpus")
    @classmethod
    def _indices_need_a_node(
        cls, gpus: GPURequest | None, info: pydantic.ValidationInfo
    ) -> GPURequest | None:
        indices = [one for one in (gpus.ids if gpus else None) or () if isinstance(one, int)]
        if indices and not info.data.get("node"):
            raise ValueError(
                f"GPU {indices[0]} is an index, and means something only on one node: "
                "set placement.node, or name the GPU by its UUID, or ask for a count"
            )
        return gpus


class Toleration(meta.Model):
    """A taint of a node that this VPS does not mind; as in Kubernetes."""

    key: str | None = None
    """The taint's key; absent with operator Exists means every taint."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """Whether the value must be equal or the key need only be there."""
    value: str | None = None
    """The taint's value, for Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule"] | None = None
    """The effect tolerated; absent means every effect."""
