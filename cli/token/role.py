"""What a token of each role needs on the command line. Pure; the server holds the same rules."""

from collections.abc import Sequence

from kohakuriver.cli import failures

_CREATE = "kohakuriver token create"
_ROLES = ("admin", "user", "viewer", "controller", "authenticator", "node")
_NAMESPACED = ("user", "viewer")
_DEFAULT = "user"


def check(
    role: str, *, user: str | None, node: str | None, rights: Sequence[str], namespace: str | None
) -> None:
    """Raises UsageError that names the option which is missing, or one too many."""
    if role not in _ROLES:
        raise failures.UsageError(f'invalid --role "{role}": use {", ".join(_ROLES[:-1])} or {_ROLES[-1]}')
    given = "" if role == _DEFAULT else f" --role {role}"
    if role == "node" and node is None:
        raise failures.UsageError(f"--node is missing: {_CREATE} --role node --node NAME")
    if role != "node" and user is None:
        raise failures.UsageError(f"--user is missing: {_CREATE}{given} --user alice")
    if role != "node" and node is not None:
        raise failures.UsageError(f"--node is for --role node and --join, not for --role {role}")
    if role != "user" and rights:
        raise failures.UsageError(f"--right is for --role user, not for --role {role}")
    if role not in _NAMESPACED and namespace:
        raise failures.UsageError(f"-n is for --role user and viewer, not for --role {role}")
