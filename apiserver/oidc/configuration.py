"""The file of `--authentication-config`: whose tokens are good, and what their claims stand for.

It is Kubernetes' AuthenticationConfiguration, without what takes CEL and without `groups` and `anonymous`,
and with a list `roles` for each issuer, which is KohakuRiver's own. Whatever the file has is checked when the
server starts; a field that is not known is refused, so that no rule is left out in silence.
"""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import pydantic
import yaml

from kohakuriver import issuer as issuers
from kohakuriver import yaml_loader
from kohakuriver.apiserver.identity.identity import RIGHTS, Role
from kohakuriver.errors import ConfigError

EXAMPLE: Final = """\
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer:
    url: https://sso.example.org
    audiences: [kohakuriver]
  claimMappings:
    username: {claim: email, prefix: "sso:"}
  roles:
  - {claim: groups, value: cluster-admins, role: admin}
  - {claim: groups, value: team-a, role: user, namespaces: [team-a]}
"""
MOST_BYTES: Final = 256 * 1024  # of the file
MOST_ISSUERS: Final = 16
VERSIONS: Final = ("apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1")
_HINT: Final = "correct the file, then start the API server again: docs/guide/10-single-sign-on.md"
_CEL: Final = {
    "expression": "CEL expressions are not supported: name a claim",
    "userValidationRules": "CEL is not supported: use claimValidationRules with claim and requiredValue",
    "groups": "groups are not kept: say in roles what a claim stands for",
    "uid": "users have no uid here: leave it out",
    "extra": "users have no extra attributes here: leave it out",
    "anonymous": "nobody is let in without a credential: leave it out",
    "egressSelectorType": "the server reaches providers directly: leave it out",
    "messageExpression": "CEL expressions are not supported: leave it out",
}

_OWN: Final = ("node:", "system:")

Text = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=1024)]
Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


class Issuer(_Part):
    """Who signs the tokens, and for whom."""

    url: Text
    discoveryURL: Text | None = None
    certificateAuthority: str | None = None
    audiences: Annotated[list[Text], pydantic.Field(min_length=1, max_length=32)]
    audienceMatchPolicy: Literal["MatchAny", ""] = ""

    @pydantic.field_validator("url", "discoveryURL")
    @classmethod
    def _reached_safely(cls, url: str | None) -> str | None:
        if url is not None and (wrong := issuers.wrong_with(url)):
            raise ValueError(wrong)
        return url

    @pydantic.field_validator("certificateAuthority")
    @classmethod
    def _is_pem(cls, pem: str | None) -> str | None:
        if pem:
            try:
                ssl.create_default_context(cadata=pem)
            except (ssl.SSLError, ValueError) as error:
                raise ValueError(f"is no certificate in PEM: {error}") from error
        return pem

    @property
    def discovery(self) -> str:
        """Where the provider describes itself."""
        return self.discoveryURL or issuers.discovery(self.url)


class RequiredClaim(_Part):
    """A claim that every token of the issuer must have."""

    claim: Text
    requiredValue: str = ""


class Username(_Part):
    """The claim that names the user, and what its names begin with."""

    claim: Text
    prefix: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,62}:$")]

    @pydantic.field_validator("prefix")
    @classmethod
    def _is_nobodys(cls, prefix: str) -> str:
        if prefix in _OWN:
            raise ValueError(f'"{prefix}" is what names of the cluster\'s own begin with: use another')
        return prefix


class Mappings(_Part):
    """What is taken out of a token's claims."""

    username: Username


class RoleRule(_Part):
    """Whoever has this value in this claim has this role."""

    claim: Text
    value: Text
    role: Literal["admin", "user", "viewer"]
    namespaces: Annotated[list[Name], pydantic.Field(max_length=256)] = []
    rights: Annotated[list[str], pydantic.Field(max_length=8)] = []

    @pydantic.model_validator(mode="after")
    def _makes_sense(self) -> "RoleRule":
        role = Role(self.role)
        if role is Role.USER and not self.namespaces:
            raise ValueError('a rule of role "user" names its "namespaces"')
        if role is Role.ADMIN and self.namespaces:
            raise ValueError('role "admin" has no namespaces of its own')
        if self.rights and (role is not Role.USER or not set(self.rights) <= set(RIGHTS)):
            raise ValueError(f'"rights" can be {", ".join(RIGHTS)}, of role "user" alone')
        return self


class Authenticator(_Part):
    """One issuer, and how its tokens are read."""

    issuer: Issuer
    claimValidationRules: Annotated[list[RequiredClaim], pydantic.Field(max_length=64)] = []
    claimMappings: Mappings
    roles: Annotated[list[RoleRule], pydantic.Field(min_length=1, max_length=1000)]


class Configuration(_Part):
    """The whole file."""

    apiVersion: str
    kind: Literal["AuthenticationConfiguration"]
    jwt: Annotated[list[Authenticator], pydantic.Field(min_length=1, max_length=MOST_ISSUERS)]

    @pydantic.field_validator("apiVersion")
    @classmethod
    def _is_known(cls, version: str) -> str:
        if version not in VERSIONS:
            raise ValueError(f"use {VERSIONS[0]}")
        return version

    @pydantic.model_validator(mode="after")
    def _apart(self) -> "Configuration":
        urls = [one.issuer.url for one in self.jwt]
        prefixes = [one.claimMappings.username.prefix for one in self.jwt]
        if len(set(urls)) < len(urls):
            raise ValueError("two entries of jwt have the same issuer url")
        if any(a.startswith(b) for i, a in enumerate(prefixes) for j, b in enumerate(prefixes) if i != j):
            raise ValueError("two issuers have prefixes of which one begins with the other")
        return self


def load(path: Path) -> Configuration:
    """The checked file. Raises ConfigError with the file and the field."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path} is larger than {MOST_BYTES // 1024}Ki", hint=_HINT)
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml_loader.Loader)  # noqa: S506 - a safe one
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"cannot read {path}: {error}", hint="it is a YAML file") from error
    return parse(found, str(path))


def parse(found: Any, place: str) -> Configuration:
    """The checked content. Raises ConfigError with the place and the field."""
    try:
        return Configuration.model_validate(found)
    except pydantic.ValidationError as error:
        found_wrong = error.errors(include_url=False)
        unknown = [one for one in found_wrong if one["type"] == "extra_forbidden"]
        first = (unknown or found_wrong)[0]
        raise ConfigError(f"{place}: {_sentence(first['loc'], first)}", hint=_HINT) from error


def check_names(configuration: Configuration, names: Sequence[str]) -> None:
    """Raises ConfigError where a user of the token file has a name that an issuer could give."""
    for one in configuration.jwt:
        for name in names:
            if gives(one, name):
                raise ConfigError(
                    f'the token file has a user "{name}", which {one.issuer.url} could name too: '
                    f'its users begin with "{one.claimMappings.username.prefix}"',
                    hint="choose another claimMappings.username.prefix",
                )


def gives(one: Authenticator, name: str) -> bool:
    """Whether a user of that issuer could have this name."""
    return name.startswith(one.claimMappings.username.prefix)


def _sentence(location: tuple[int | str, ...], error: Any) -> str:
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    said = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        name = str(location[-1])
        said = _CEL.get(name, "the field is not known")
    elif error["type"] == "missing":
        said = "the field is missing"
    return f"{path}: {said}" if path else said
