"""What a container takes over from its image, and what of that it must not. Pure.

An engine merges an image's labels and variables into those that a container is made with. Anybody can write
an image, so what the agent or NVIDIA's runtime would believe is written over: a label with nothing,
a variable by its bare name, which takes it away.
"""

from collections.abc import Iterable
from typing import Final

from kohakuriver.agent.runtime.base import LABEL_PREFIX, REFERENCE_LABEL, ContainerSpec, Image

VISIBLE: Final = "NVIDIA_VISIBLE_DEVICES"
_NVIDIA: Final = "NVIDIA_"  # each asks its runtime for something: NVIDIA_MOFED, NVIDIA_GDS and their kin
_HARMLESS: Final = "NVIDIA_DRIVER_CAPABILITIES"  # which of the driver's libraries, for GPUs that are granted


def labels(spec: ContainerSpec, image: Image) -> dict[str, str]:
    """The container's labels. Those of ours that the image carries say nothing on it."""
    forged = {name: "" for name in image.labels if name.startswith(LABEL_PREFIX)}
    return {**forged, **spec.labels, REFERENCE_LABEL: spec.image}


def env(spec: ContainerSpec, image: Image) -> list[str]:
    """The container's variables. Where NVIDIA's runtime is the default one, one of them alone gives GPUs."""
    refused = ignored(spec.env)
    declared = [f"{name}={value}" for name, value in spec.env.items() if name not in refused]
    taken_away = [name for name in image.env if _asks_for_gpus(name) and name != VISIBLE]
    return [*declared, *taken_away, f"{VISIBLE}={','.join(spec.gpus) or 'void'}"]


def ignored(env: Iterable[str]) -> list[str]:
    """Which of the declared variables are not passed on."""
    return [name for name in env if _asks_for_gpus(name)]


def _asks_for_gpus(name: str) -> bool:
    return name.startswith(_NVIDIA) and name != _HARMLESS
