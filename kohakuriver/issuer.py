"""Where an OpenID Connect issuer is asked: the server and the command hold it to the same. Pure."""

import ipaddress
import urllib.parse


def discovery(url: str) -> str:
    """Where the issuer describes itself."""
    return f"{url.rstrip('/')}/.well-known/openid-configuration"


def wrong_with(url: str) -> str:
    """Why nothing is to be asked there; empty where it may be."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return f'invalid URL "{url}"'
    if not host or parts.query or parts.fragment or parts.username is not None:
        return f'invalid URL "{url}": use https://HOST/PATH'
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        return f'invalid URL "{url}": use https (http is for loopback addresses alone)'
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
