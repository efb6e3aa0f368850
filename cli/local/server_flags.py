"""The options of `up` that go on to this machine's API server. See `up.py`."""

from typing import Annotated

import typer

from kohakuriver.cli import failures

Port = Annotated[
    int | None, typer.Option("--port", metavar="N", min=1, max=65535, help="The API's port. [default: 6443]")
]
Listen = Annotated[
    str | None,
    typer.Option("--listen", metavar="ADDRESS", help="Where the API listens. [default: 127.0.0.1]"),
]
Advertise = Annotated[
    str | None,
    typer.Option("--advertise", metavar="HOST", help="The name or address by which others reach the API."),
]
DefaultQuota = Annotated[
    str | None,
    typer.Option(
        "--default-quota",
        metavar="NAME=AMOUNT[,…]",
        help="What may be stored in a namespace, of what no ResourceQuota there names; `none` for any. "
        "[default: count/vpses.kohakuriver.io=500,kohakuriver.io/object-bytes=64Mi]",
    ),
]


def quota(given: str | None) -> str | None:
    """What was given, where an API server would take it. Raises UsageError."""
    from kohakuriver.resources.quota import parse_default

    try:
        if given is not None:
            parse_default(given)
    except ValueError as error:
        raise failures.UsageError(f"--default-quota: {error}") from None
    return given
