"""Configurations of issuers for tests."""

from typing import Any

from kohakuriver.apiserver.oidc import configuration
from kohakuriver.apiserver.oidc.configuration import Configuration
from tests.fakes.oidc import AUDIENCE


def entry(url: str, *, prefix: str = "oidc:", **more: Any) -> dict[str, Any]:
    """One issuer: its groups give roles."""
    return {
        "issuer": {"url": url, "audiences": [AUDIENCE]},
        "claimMappings": {"username": {"claim": "sub", "prefix": prefix}},
        "roles": [
            {"claim": "groups", "value": "admins", "role": "admin"},
            {"claim": "groups", "value": "team-a", "role": "user", "namespaces": ["default"]},
            {"claim": "groups", "value": "team-b", "role": "user", "namespaces": ["b"]},
            {"claim": "groups", "value": "ops", "role": "user", "namespaces": ["o"], "rights": ["mounts"]},
            {"claim": "groups", "value": "watchers", "role": "viewer"},
        ],
        **more,
    }


def whole(*entries: dict[str, Any]) -> dict[str, Any]:
    """A file of these issuers."""
    head = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"}
    return {**head, "jwt": list(entries)}


def of(*entries: dict[str, Any]) -> Configuration:
    """The checked file."""
    return configuration.parse(whole(*entries), "auth.yaml")
