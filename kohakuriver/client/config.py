"""Where the API server is and who we are: a kubeconfig-format file, the same that kubectl reads.

What is written here is JSON, which is YAML too: a command reads it without importing what reads all of YAML.
Looked for in this order: an explicit path, `KOHAKURIVER_CONFIG`, `~/.kohakuriver/config`. Knows no HTTP.
"""

import base64
import json
import os
import re
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

from kohakuriver import errors

if TYPE_CHECKING:
    from pathlib import Path

    from kohakuriver.client.plugin import Plugin

DEFAULT_PATH = "~/.kohakuriver/config"
VARIABLE = "KOHAKURIVER_CONFIG"
JOIN_TOKEN = "KOHAKURIVER_JOIN_TOKEN"  # noqa: S105 - what `agent --join` reads without --token
SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,4})?(?:/.*)?", re.ASCII)
SERVERS = "kohakuriver.io/servers"  # the extension of a cluster's entry that names its further API servers


class Connection(NamedTuple):
    """One cluster and one identity on it."""

    server: str
    others: tuple[str, ...] = ()  # further API servers of the same cluster
    token: str | None = None
    ca: bytes | None = None  # PEM
    client_cert: "Path | None" = None
    client_key: "Path | None" = None
    client_pair: tuple[bytes, bytes] | None = (
        None  # certificate and key as PEM, where the file holds them itself
    )
    namespace: str = "default"
    context: str = ""
    verify: bool = True
    plugin: "Plugin | None" = None  # what gives the token, in place of one

    def bearer(self) -> str | None:
        """The token that is good now, if there is one. Raises ConfigError where a program gives none."""
        return self.plugin.token() if self.plugin is not None else self.token

    def tls(self) -> ssl.SSLContext | None:
        """A TLS context that trusts this cluster's CA, and no other; None for plain HTTP."""
        if not self.server.lower().startswith("https:"):
            return None
        try:
            context = ssl.create_default_context(cadata=self.ca.decode() if self.ca else None)
        except (ValueError, ssl.SSLError):
            raise errors.ConfigError(
                "the config file: the certificate authority is no certificate in PEM",
                hint="take the file anew from whoever runs the cluster",
            ) from None
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        try:
            self._add_client(context)
        except OSError as error:
            where = f"{self.client_cert} and {self.client_key}" if self.client_cert else "the config file"
            raise errors.ConfigError(
                f"the client certificate and key in {where} cannot be read: {error.strerror or error}",
                hint="both are needed, in PEM, the key without a password",
            ) from None
        return context

    def _add_client(self, context: ssl.SSLContext) -> None:
        if self.client_cert is not None:
            context.load_cert_chain(self.client_cert, self.client_key)
        elif self.client_pair is not None:
            import tempfile  # here, as hardly any command needs it

            with tempfile.NamedTemporaryFile() as file:  # OpenSSL reads files alone; this one is ours alone
                file.write(b"\n".join(self.client_pair))
                file.flush()
                context.load_cert_chain(file.name)


def find(path: "str | Path | None" = None) -> "Path":
    """The config file that is meant, whether or not it exists."""
    from pathlib import Path  # here and below, as its import takes longer than reading the file

    return Path(_meant(path))


def _meant(path: "str | Path | None") -> str:
    return os.path.expanduser(path or os.environ.get(VARIABLE) or DEFAULT_PATH)  # noqa: PTH111


def load(path: "str | Path | None" = None, *, context: str | None = None) -> Connection:
    """The connection that the file's current context, or the named one, describes. Raises ConfigError."""
    file = _meant(path)
    config = read(file)
    name = context or config.get("current-context") or ""
    chosen = _named(config, file, "contexts", "context", name)
    cluster = _named(config, file, "clusters", "cluster", chosen.get("cluster", ""))
    user = _named(config, file, "users", "user", chosen.get("user", "")) if chosen.get("user") else {}
    if not cluster.get("server"):
        raise errors.ConfigError(f'{file}: the cluster of context "{name}" names no server')
    return Connection(
        server=_server(cluster["server"], file),
        others=_others(cluster, file),
        token=_token(user, file),
        ca=_authority(cluster, file),
        client_cert=_path(user.get("client-certificate"), file),
        client_key=_path(user.get("client-key"), file),
        client_pair=_pair(user, file),
        namespace=_namespace(chosen, file),
        context=name,
        plugin=_plugin(user, cluster, file),
        verify=not cluster.get("insecure-skip-tls-verify", False),
    )


def read(file: "str | Path") -> dict[str, Any]:
    """The whole file as it is. Raises ConfigError when it is missing, unreadable or no mapping."""
    try:
        with open(file, encoding="utf-8") as opened:  # noqa: PTH123
            text = opened.read()
    except FileNotFoundError:
        raise errors.ConfigError(
            f"there is no config file at {file}",
            hint=f"name a file with --config or {VARIABLE}, or start a cluster: kohakuriver up",
        ) from None
    except OSError as error:
        raise errors.ConfigError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise errors.ConfigError(f"{file} is no text in UTF-8") from None
    config = _parse(text, file)
    if not isinstance(config, dict):
        raise errors.ConfigError(f"{file} is not a kubeconfig file")
    for section, key in SECTIONS.items():
        _check(config.get(section) or [], key, f"{file}: {section}")
    return config


def _check(entries: Any, key: str, where: str) -> None:
    """Raises ConfigError for a section that holds something else than entries."""
    if not isinstance(entries, list):
        raise errors.ConfigError(f"{where} is not a list")
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get(key) or {}, dict):
            raise errors.ConfigError(f"{where} has an entry that is not a name and a {key}")


def _parse(text: str, file: "str | Path") -> Any:
    if text.startswith("{"):
        try:
            return json.loads(text)
        except RecursionError:
            raise errors.ConfigError(f"{file} is not a kubeconfig file") from None
        except ValueError:
            pass  # YAML may look like that, too
    import yaml  # here, as reading JSON needs none of it

    from kohakuriver.yaml_loader import Loader

    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506 - it is the safe loader in C
    except yaml.YAMLError as error:
        raise errors.ConfigError(f"{file} is not valid YAML: {error}") from None


def render(config: dict[str, Any]) -> str:
    """The text of a config file: JSON, laid out for whoever changes it; YAML where JSON cannot say it."""
    try:
        return json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError):
        import yaml

        return str(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


def write(file: "Path", connection: Connection, *, cluster: str, user: str) -> None:
    """Write a config file (0600) of one cluster, one user and one context, as kubectl reads it."""
    cluster_entry: dict[str, Any] = {"server": connection.server}
    if connection.others:
        cluster_entry["extensions"] = [{"name": SERVERS, "extension": list(connection.others)}]
    if connection.ca:
        cluster_entry["certificate-authority-data"] = base64.b64encode(connection.ca).decode()
    context = {"cluster": cluster, "user": user, "namespace": connection.namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": cluster_entry}],
        "users": [{"name": user, "user": {"token": connection.token}}],
        "contexts": [{"name": cluster, "context": context}],
        "current-context": cluster,
    }
    from kohakuriver import private_file

    private_file.write(file, render(config))


def _named(config: dict[str, Any], file: str, section: str, key: str, name: str) -> dict[str, Any]:
    entries = config.get(section) or []
    for entry in entries:
        if entry.get("name") == name:
            return dict(entry.get(key) or {})
    known = ", ".join(str(entry.get("name")) for entry in entries) or "none"
    what = f'{key} "{name}"' if name else f"current {key}"
    raise errors.ConfigError(f"{file} has no {what}", hint=f"it has: {known}")


def _others(cluster: dict[str, Any], file: str) -> tuple[str, ...]:
    extensions = cluster.get("extensions") or []
    if not isinstance(extensions, list) or not all(isinstance(one, dict) for one in extensions):
        raise errors.ConfigError(
            f"{file}: the extensions of a cluster are not a list of names and extensions"
        )
    for extension in extensions:
        if extension.get("name") == SERVERS:
            urls = extension.get("extension")
            if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
                raise errors.ConfigError(
                    f"{file}: the extension {SERVERS} is not a list of URLs",
                    hint="write extension: [https://second:6443, https://third:6443]",
                )
            return tuple(_server(url, file) for url in urls)
    return ()


def _server(given: Any, file: str) -> str:
    """The URL of a server. Raises ConfigError for what is none."""
    url = str(given).rstrip("/")
    if not _URL.fullmatch(url) and not _is_url(url):
        raise errors.ConfigError(
            f'{file}: the server "{given}" is not a URL', hint="such as https://river.example.org:6443"
        )
    return url


def _is_url(text: str) -> bool:
    import urllib.parse  # here, as its import takes longer than reading the file

    try:
        found = urllib.parse.urlsplit(text)
        return found.scheme in ("http", "https") and bool(found.hostname) and found.port != -1
    except ValueError:
        return False


def _namespace(context: dict[str, Any], file: str) -> str:
    found = context.get("namespace") or "default"
    if not isinstance(found, str):
        raise errors.ConfigError(
            f"{file}: the namespace {found} is not a text", hint='put it into quotes: "…"'
        )
    return found


def _token(user: dict[str, Any], file: str) -> str | None:
    if user.get("token"):
        if isinstance(user["token"], dict | list):
            raise errors.ConfigError(f"{file}: the token of a user is not a text")
        return str(user["token"])
    path = _path(user.get("tokenFile"), file)
    try:
        return path.read_text().strip() if path else None
    except UnicodeDecodeError:
        raise errors.ConfigError(f"{path}, the tokenFile of {file}, is no text") from None


def _plugin(user: dict[str, Any], cluster: dict[str, Any], file: str) -> "Plugin | None":
    if not isinstance(user.get("exec"), dict) or user.get("token") or user.get("tokenFile"):
        return None
    from kohakuriver.client.plugin import Plugin  # here, as few files name a program

    return Plugin(user["exec"], file=file, cluster=cluster)


def _authority(cluster: dict[str, Any], file: str) -> bytes | None:
    data = _data(cluster, "certificate-authority-data", file)
    if data:
        return data
    path = _path(cluster.get("certificate-authority"), file)
    return path.read_bytes() if path else None


def _pair(user: dict[str, Any], file: str) -> tuple[bytes, bytes] | None:
    certificate = _data(user, "client-certificate-data", file)
    key = _data(user, "client-key-data", file)
    return (certificate, key) if certificate and key else None


def _data(entry: dict[str, Any], field: str, file: str) -> bytes | None:
    """What the file holds itself, in base64."""
    if not entry.get(field):
        return None
    try:
        return base64.b64decode(entry[field], validate=True)
    except (TypeError, ValueError):
        raise errors.ConfigError(f"{file}: {field} is not base64") from None


def _path(value: Any, file: str) -> "Path | None":
    """A path in a config file is relative to that file, as in kubectl."""
    if not value:
        return None
    from pathlib import Path

    return Path(file).parent / Path(str(value)).expanduser()
