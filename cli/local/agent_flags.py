"""The options of `up` that go on to this machine's agent and say what VPSes may have of it. See `up.py`."""

from pathlib import Path
from typing import Annotated

import typer

from kohakuriver import overcommit
from kohakuriver.cli import failures
from kohakuriver.resources import capabilities

NOTHING = "off"
_CREDENTIALS_FOR = ("environments", "all")

ReserveCores = Annotated[
    str | None,
    typer.Option("--reserve-cores", metavar="N", help="Cores kept for the machine itself. [default: 0]"),
]
ReserveMemory = Annotated[
    str | None,
    typer.Option(
        "--reserve-memory",
        metavar="SIZE",
        help="Memory kept for the machine itself: 5% or 2Gi. [default: 5%]",
    ),
]
CPUOvercommit = Annotated[
    str | None,
    typer.Option(
        "--cpu-overcommit",
        metavar="RATIO",
        help="How often each core is given to VPSes that share it: 4, 1.5, or 1 for no more than there are. "
        "[default: 4]",
    ),
]
DefaultDisk = Annotated[
    str | None,
    typer.Option(
        "--default-disk",
        metavar="SIZE",
        help="Disk for each VPS that names no limit: 20Gi, 25% of this machine's, or `off`. [default: 50%, "
        "which counts while the disk is nearly full]",
    ),
]
ImageGCHigh = Annotated[
    str | None,
    typer.Option(
        "--image-gc-high",
        metavar="SHARE",
        help="From this use of the engine's disk on, unused images are removed. [default: 85%]",
    ),
]
ImageGCLow = Annotated[
    str | None,
    typer.Option("--image-gc-low", metavar="SHARE", help="Until the use is below this. [default: 80%]"),
]
AllowMount = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-mount",
        metavar="PREFIX[:ro]",
        help="Let VPSes mount this folder and what is below it; `off` for none. Repeatable. [default: off]",
    ),
]
AllowPrivileged = Annotated[
    bool | None,
    typer.Option(
        "--allow-privileged/--no-allow-privileged",
        help="Let VPSes be privileged, which is to be root on this machine. [default: no]",
    ),
]
AllowCapability = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-capability",
        metavar="NAME",
        help="Let VPSes have this capability beyond the default; `off` for none. Repeatable. [default: off]",
    ),
]
RegistryCredentialsFor = Annotated[
    str | None,
    typer.Option(
        "--registry-credentials-for",
        metavar="IMAGES",
        help="Which images a registry is asked for with this machine's Docker credentials: `environments` or "
        "`all`. [default: environments]",
    ),
]
GPUInventory = Annotated[
    str | None,
    typer.Option(
        "--gpu-inventory",
        metavar="FILE",
        help="GPUs from a JSON list, in place of the machine's, to try things out; `off` for the machine's.",
    ),
]
Lxcfs = Annotated[
    str | None,
    typer.Option(
        "--lxcfs",
        metavar="WHEN",
        help="Let VPSes see their own memory and cores in /proc: `auto`, where this machine runs lxcfs, or "
        "`off`. [default: auto]",
    ),
]

Environments = Annotated[
    Path | None,
    typer.Option(
        "--environments",
        metavar="DIR",
        help="Where environments made from VPSes are kept; best a folder that all nodes share.",
        show_default=False,
    ),
]


def ratio(given: str | None) -> str | None:
    """What was given, in the form that is kept; None if nothing was. Raises UsageError."""
    try:
        return None if given is None else overcommit.written(overcommit.parse(given))
    except ValueError as error:
        raise failures.UsageError(f"--cpu-overcommit: {error}", hint="1 gives each core once") from None


def credentials_for(given: str | None) -> str | None:
    """What was given, in the form that is kept; None if nothing was. Raises UsageError."""
    if given is not None and given not in _CREDENTIALS_FOR:
        raise failures.UsageError(
            f'invalid --registry-credentials-for "{given}": use {" or ".join(_CREDENTIALS_FOR)}',
            hint="environments keeps a user from pulling what only this machine may pull",
        )
    return given


def mounts(given: list[str] | None) -> list[str] | None:
    """What was given, in the form that is kept; None if nothing was. Raises UsageError."""
    if not given:
        return None
    if given == [NOTHING]:
        return []
    for prefix in given:
        if not prefix.startswith("/"):
            raise failures.UsageError(
                f'--allow-mount: invalid path "{prefix}": use an absolute one, such as /data or /data:ro',
                hint="take all back: --allow-mount off",
            )
    return given


def capability_names(given: list[str] | None) -> list[str] | None:
    """As `mounts`. Raises UsageError."""
    if not given:
        return None
    if given == [NOTHING]:
        return []
    try:
        return [capabilities.parse(name) for name in given]
    except ValueError as error:
        raise failures.UsageError(
            f"--allow-capability: {error}", hint="take all back: --allow-capability off"
        ) from None


def folder(given: Path | None) -> str | None:
    """A path that holds from any folder."""
    return None if given is None else str(given.absolute())


def inventory(given: str | None) -> str | None:
    """As `mounts`: a path that holds from any folder, or empty for the machine's own GPUs."""
    if given is None:
        return None
    return "" if given == NOTHING else str(Path(given).absolute())
