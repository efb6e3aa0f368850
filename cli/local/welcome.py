"""What `up` says when the cluster is ready: what to do next, and what the default image needs."""

import datetime
import time
from collections.abc import Callable
from typing import Final

from kohakuriver import errors
from kohakuriver.cli import default_image, screen
from kohakuriver.cli.api.http import Object
from kohakuriver.cli.local import stack
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.cluster_options import Options
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from kohakuriver.resources.view import Node

TRIES: Final = 8
PAUSE: Final = 0.25  # seconds


def say(files: ClusterFiles, options: Options) -> None:
    screen.note(f"the cluster is ready at {options.url}; node {options.node}")
    if not files.is_default:
        screen.note(f"  export KOHAKURIVER_CONFIG={files.config}")
    screen.note("  kohakuriver vps list")
    screen.note(f"  KUBECONFIG={files.config} kubectl get vps")
    near = stack.Near(files, options.local_url)
    for words in about_image(lambda: near.look(kinds.NODE.path(name=options.node)), SystemClock().now()):
        screen.warn(words)


def about_image(
    look: Callable[[], Object], now: datetime.datetime, *, pause: Callable[[float], None] = time.sleep
) -> list[str]:
    """What the node's default image needs. A node is ready a moment before it has looked at its images."""
    try:
        for _ in range(TRIES):
            node = look()
            if Node.of(node).default_image:
                return default_image.words([node], now)
            pause(PAUSE)
    except errors.KohakuRiverError:
        pass  # it was ready a moment ago: what is wrong now is said where it matters
    return []
