"""`env load`: an Environment of a tarball that was made before, by `docker save`, `docker export` or here."""

from typing import Annotated

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.env import creation, tarball
from kohakuriver.cli.framework.settings import Settings

EXAMPLES = """
kohakuriver env load my-env ./my-env.tar
kohakuriver env load my-env /srv/my-env.tar --digest sha256:$(sha256sum my-env.tar | cut -c1-64)
"""

Name = Annotated[str | None, typer.Argument(metavar="NAME", show_default=False, help="What it is called.")]
Source = Annotated[
    str | None,
    typer.Argument(metavar="FILE|URL", show_default=False, help="A tarball that a node can read there."),
]
Digest = Annotated[
    str | None,
    typer.Option("--digest", metavar="SHA256", help="Its digest; of a file here it is worked out."),
]


def load(settings: Settings, name: Name = None, source: Source = None, digest: Digest = None) -> int:
    """Make an environment of a tarball. A node reads it at this path or URL when it first needs it, or
    gets it from a node that has it there."""
    if not name or not source:
        raise failures.UsageError("a name and a tarball are needed", hint="kohakuriver env load NAME FILE")
    spec = tarball.spec(source, digest)
    creation.create(settings.api(), name, spec)
    if str(spec["tarball"]).startswith("/"):
        screen.note(f"it must lie at {spec['tarball']} on one node at least; the others get it from there")
    return 0
