"""A user of a config file whose token a program gives (`users[].user.exec`), as kubectl runs it too.

    the token it said last, while that is good ──► the file that `kohakuriver login` keeps ──► the program

So a command that is typed does not start a second one for a token that lies in a file.
"""

import json
import os
from typing import TYPE_CHECKING, Any

from kohakuriver import errors
from kohakuriver.clock import SystemClock, parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS = ("login", "--credential")  # and the file
VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
EARLY = 30.0  # seconds before its end a token is taken for over
_WITHIN = 120.0  # seconds that the program may take
_LONGEST = 500  # characters of what it says when it fails


class Plugin:
    """One program, and the token that it gave."""

    def __init__(self, said: "Mapping[str, Any]", *, file: str, cluster: "Mapping[str, Any]") -> None:
        """Raises ConfigError for an entry that makes no sense."""
        command, words, variables = said.get("command"), said.get("args") or [], said.get("env") or []
        if said.get("apiVersion") not in VERSIONS:
            raise errors.ConfigError(f"{file}: exec.apiVersion is not {VERSIONS[0]}")
        if not isinstance(command, str) or not command or not isinstance(words, list):
            raise errors.ConfigError(f"{file}: exec names no command with its args")
        if os.sep in command and not command.startswith(os.sep):
            command = os.path.join(os.path.dirname(file), command)  # noqa: PTH118, PTH120
        try:
            self._environment = {str(one["name"]): str(one["value"]) for one in variables}
        except (TypeError, KeyError):
            raise errors.ConfigError(f"{file}: exec.env is not a list of name and value") from None
        self._command = [command, *map(str, words)]
        self._hint = str(said.get("installHint") or "")
        self._version = str(said["apiVersion"])
        self._cluster = dict(cluster) if said.get("provideClusterInfo") else None
        self._token, self._ends = "", 0.0

    @property
    def kept(self) -> str:
        """The file of `kohakuriver login`; empty for another program's."""
        words = self._command[1:]
        return words[2] if tuple(words[:2]) == OURS and len(words) == 3 else ""

    def token(self) -> str:
        """A token that is good now. Raises ConfigError."""
        now = SystemClock().now().timestamp()
        if not self._token or now >= self._ends - EARLY:
            found = read(self.kept) if self.kept else {}
            self._token, self._ends = str(found.get("token") or ""), _number(found.get("ends"))
            if not self._token or now >= self._ends - EARLY:
                self._token, self._ends = self._asked()
        return self._token

    def _asked(self) -> tuple[str, float]:
        import subprocess

        spec: dict[str, Any] = {"interactive": False}
        if self._cluster is not None:
            spec["cluster"] = self._cluster
        info = json.dumps({"apiVersion": self._version, "kind": "ExecCredential", "spec": spec})
        environment = {**os.environ, **self._environment, "KUBERNETES_EXEC_INFO": info}
        name = self._command[0]
        try:
            done = subprocess.run(
                self._command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_WITHIN
            )
        except subprocess.TimeoutExpired:
            raise errors.ConfigError(f"{name} gave no token within {_WITHIN:g} seconds") from None
        except OSError as error:
            hint = self._hint or "the config file names it as what gives your token: users[].user.exec"
            raise errors.ConfigError(f"cannot run {name}: {error.strerror}", hint=hint) from None
        if done.returncode:
            raise _failed(name, done.stderr.decode(errors="replace").strip())
        return _credential(name, done.stdout)


def read(file: str) -> dict[str, Any]:
    """What `kohakuriver login` has kept in that file; nothing where there is none. Raises ConfigError."""
    try:
        with open(file) as opened:  # noqa: PTH123
            found = json.load(opened)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise errors.ConfigError(
            f"cannot read {file}: {error}", hint="log in again: kohakuriver login"
        ) from None
    return found if isinstance(found, dict) else {}


def _credential(name: str, content: bytes) -> tuple[str, float]:
    try:
        status = json.loads(content)["status"]
        token, end = status.get("token"), status.get("expirationTimestamp")
        ends = parse_timestamp(end).timestamp() if end else float("inf")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise errors.ConfigError(f"what {name} printed is no ExecCredential") from None
    if not isinstance(token, str) or not token:
        raise errors.ConfigError(
            f"{name} gave no token, and client certificates of a program are not used here"
        )
    return token, ends


def _failed(name: str, told: str) -> errors.ConfigError:
    """In the program's own words, and in ours where it is ours."""
    lines = told.splitlines()
    error = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), "")
    hint = next((line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")), "")
    return errors.ConfigError(error or f"{name} gave no token: {told[-_LONGEST:]}", hint=hint)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
