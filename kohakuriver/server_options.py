"""The API server's options that `up` passes on, each in one place: how it is typed, read and explained.

Shared, as the agent's are, and for the same reason: the command imports nothing of the API server. Pure, but
that a file which is named is looked at.
"""

from pathlib import Path
from typing import Final

from kohakuriver.options import Option, PassedOn

NOTHING: Final = "none"
SHIPPED_QUOTA: Final = (
    "count/vpses.kohakuriver.io=500,count/snapshots.kohakuriver.io=200,kohakuriver.io/object-bytes=64Mi"
)


def quota(text: str) -> dict[str, str]:
    """The amounts in NAME=AMOUNT,… by name; none for `none`. Raises ValueError."""
    from kohakuriver.resources import quota as resource  # here: `up` does without pydantic

    limits: dict[str, str] = {}
    for part in text.split(",") if text != NOTHING else ():
        name, separator, amount = (word.strip() for word in part.partition("="))
        if not separator or name not in resource.WRITTEN:
            raise ValueError(
                f'invalid default quota "{part.strip()[:80]}": use {", ".join(resource.WRITTEN)}, '
                f"such as {SHIPPED_QUOTA}, or {NOTHING}"
            )
        if name in limits:
            raise ValueError(f"invalid default quota: {name} is given twice")
        resource.check_limit(name, amount)
        limits[name] = amount
    return limits


def _quota_as_typed(text: str) -> str:
    quota(text)
    return text


def _file_in_full(text: str) -> str:
    if text in ("", NOTHING):
        return ""
    path = Path(text).expanduser().absolute()
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    return str(path)


DEFAULT_QUOTA: Final = Option(
    flags=("--default-quota",),
    metavar="NAME=AMOUNT[,…]",
    read=quota,
    help="what may be stored in a namespace, of what no ResourceQuota there names: how many VPSes and "
    f"Snapshots, and bytes of all its objects (default: {SHIPPED_QUOTA}); none: any; else 403",
    up=PassedOn(
        help="What may be stored in a namespace, of what no ResourceQuota there names; `none` for any. "
        f"[default: {SHIPPED_QUOTA}]",
        kept_as=_quota_as_typed,
    ),
)
AUTHENTICATION_CONFIG: Final = Option(
    flags=("--authentication-config",),
    metavar="FILE",
    read=Path,
    help="also let in who shows a token of one of these OpenID Connect issuers: Kubernetes' "
    "AuthenticationConfiguration, with a list of roles (docs/guide/10-single-sign-on.md; default: none)",
    up=PassedOn(
        help="Also let in who logs in with an OpenID Connect provider that this file names; `none` for "
        "nobody. [default: none]",
        kept_as=_file_in_full,
    ),
)
