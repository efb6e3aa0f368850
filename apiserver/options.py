"""The command line of `python -m kohakuriver.apiserver`, checked before anything is started."""

import argparse
import dataclasses
import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kohakuriver import options, quantity, server_options
from kohakuriver.apiserver.limits.limits import Limits
from kohakuriver.apiserver.quota import default
from kohakuriver.apiserver.store.base import QUOTA
from kohakuriver.errors import ConfigError
from kohakuriver.options import LOOPBACK, Address, Group, file, metrics_address, option

EXAMPLE = """\
example:
  kohakuriver apiserver --etcd https://10.0.0.1:2379,https://10.0.0.2:2379 \\
      --etcd-ca ca.crt --etcd-cert client.crt --etcd-key client.key \\
      --listen 0.0.0.0:6443 --tls-cert server.crt --tls-key server.key --token-file tokens.jsonl

Any number of API servers may run beside each other on one etcd. The server is ready when /readyz answers 200.
"""


_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
_SHIPPED = Limits()
_ETCD = Group("etcd")
_LISTENING = Group("listening")


def _endpoints(text: str) -> tuple[str, ...]:
    return tuple(endpoint.strip() for endpoint in text.split(",") if endpoint.strip())


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise ValueError(f'invalid number of requests a second "{text}": use 0 or more')
    return number


def _bytes(text: str) -> int:
    number = quantity.size(text)
    if number < 1:
        raise ValueError(f'invalid size "{text}": use at least 1, in Mi or Gi')
    return number


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**9:
        raise ValueError(f'invalid number of requests "{text}": use 1 or more')
    return int(text)


def _limit(flag: str, read: Callable[[str], float], shipped: float, words: str) -> Any:
    told = f"{words} (default: {shipped:g}); else 429"
    return option(f"{flag} N", default=shipped, read=read, group=_LISTENING, help=told)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Everything that can be said on the command line."""

    etcd: tuple[str, ...] = option(
        "--etcd URL[,URL]",
        read=_endpoints,
        group=_ETCD,
        help="client endpoints of one cluster; when one fails, the next is used",
    )
    etcd_ca: Path | None = file("--etcd-ca", group=_ETCD, help="CA that signed etcd's certificate")
    etcd_cert: Path | None = file("--etcd-cert", group=_ETCD, help="certificate to show to etcd")
    etcd_key: Path | None = file("--etcd-key", group=_ETCD, help="its private key")
    etcd_user: str | None = option(
        "--etcd-user NAME",
        default=None,
        group=_ETCD,
        help="whom to log in to etcd as, where it wants that",
    )
    etcd_password_file: Path | None = file(
        "--etcd-password-file",
        group=_ETCD,
        help="the file that holds the user's password; it is never taken from the command line",
    )
    etcd_prefix: str = option(
        "--etcd-prefix PREFIX",
        default="/kohakuriver",
        group=_ETCD,
        help="what all keys start with, so that clusters can share an etcd (default: /kohakuriver)",
    )
    etcd_quota: int = option(
        "--etcd-quota SIZE",
        default=QUOTA,
        read=_bytes,
        group=_ETCD,
        help="etcd's --quota-backend-bytes: at 80%% of it users may delete and not write, so that the "
        "rest is left to nodes and admins (default: 2Gi, as etcd's own)",
    )
    after_restore: bool = option(
        "--after-restore",
        default=False,
        group=_ETCD,
        help="etcd holds an older backup now: begin a new history of the store, and end, serving nothing. "
        "Only needed where a server cannot see it for itself; docs/operations.md says when",
    )
    save_store: bool = option(
        "--save-store",
        default=False,
        group=_ETCD,
        help="write a copy of all that this cluster has in etcd to stdout, as of one revision, and end, "
        "serving nothing. `kohakuriver backup` does it, and keeps what else a cluster needs",
    )
    load_store: bool = option(
        "--load-store",
        default=False,
        group=_ETCD,
        help="bring such a copy from stdin into an etcd that holds nothing below --etcd-prefix, begin the "
        "next history of the store, and end, serving nothing",
    )
    encryption_keys: Path | None = file(
        "--encryption-keys",
        group=_ETCD,
        help="encrypt VPSes and Environments in etcd: one line `NAME BASE64` for each key of 32 bytes, the "
        "first for what is written; all API servers need the same file (docs/operations.md)",
    )
    rewrite_values: bool = option(
        "--rewrite-values",
        default=False,
        group=_ETCD,
        help="write everything anew under the first of --encryption-keys, and end, serving nothing",
    )
    listen: Address = option(
        "--listen HOST:PORT",
        default=Address(LOOPBACK, 6443),
        read=Address.parse,
        group=_LISTENING,
        help="where clients come in (default: 127.0.0.1:6443)",
    )
    advertise: str | None = option(
        "--advertise HOST[:PORT]",
        default=None,
        group=_LISTENING,
        help="where agents, controllers and other API servers reach this one; it registers itself under it "
        "(default: as --listen, and this machine's name in place of 0.0.0.0)",
    )
    tls_cert: Path | None = file("--tls-cert", group=_LISTENING, help="certificate to show to clients (PEM)")
    tls_key: Path | None = file("--tls-key", group=_LISTENING, help="its private key (PEM)")
    tls_ca: Path | None = file(
        "--tls-ca",
        group=_LISTENING,
        help="the CA that signed it (PEM): shown to machines that join, which compare its hash",
    )
    insecure_http: bool = option(
        "--insecure-http",
        default=False,
        group=_LISTENING,
        help="plain HTTP in place of TLS; loopback addresses only",
    )
    token_file: Path = option(
        "--token-file FILE",
        default=Path(),
        read=Path,
        group=_LISTENING,
        help='who may come in: one {"sha256": …, "user": …, "role": …} per line',
    )
    client_ca: Path | None = file(
        "--client-ca",
        group=_LISTENING,
        help="also let in who shows a client certificate signed by one of these CAs (PEM): its CN is the "
        "user, O=role:ROLE the role, O=namespace:NAME its namespaces (default: bearer tokens alone)",
    )
    authentication_config: Path | None = options.as_field(
        dataclasses.replace(server_options.AUTHENTICATION_CONFIG, group=_LISTENING), default=None
    )
    rate_limit: float = _limit(
        "--rate-limit",
        _amount,
        _SHIPPED.rate,
        "requests a second that one credential may make, long ones counting as several; 0: any",
    )
    rate_burst: int = _limit(
        "--rate-burst", _count, _SHIPPED.burst, "requests it may make at once, after a silence"
    )
    max_inflight: int = _limit(
        "--max-inflight",
        _count,
        _SHIPPED.inflight,
        "requests of one credential under way at once, watches not counted",
    )
    max_open: int = _limit(
        "--max-open", _count, _SHIPPED.lasting, "watches and streams that one credential may keep open"
    )
    default_quota: Mapping[str, int] = options.as_field(
        dataclasses.replace(server_options.DEFAULT_QUOTA, read=default.parse, group=_LISTENING),
        default_factory=lambda: default.parse(server_options.SHIPPED_QUOTA),
    )
    audit_log: Path | None = file(
        "--audit-log",
        group=_LISTENING,
        help="also write who opened, wrote or was refused what there, as lines of JSON for its owner alone; "
        "begun anew at 20 MB, 9 older ones are kept beside it (default: nowhere)",
    )
    metrics_listen: Address | None = option(
        "--metrics-listen HOST:PORT",
        default=None,
        read=metrics_address,
        group=_LISTENING,
        help="also serve /metrics there, in plain HTTP and without a credential (default: nowhere)",
    )
    verbose: bool = option("-v", "--verbose", default=False, help="log more: health checks, heartbeats")

    @property
    def limits(self) -> Limits:
        """What one credential may ask for."""
        return Limits(self.rate_limit, self.rate_burst, self.max_inflight, self.max_open)

    def etcd_password(self) -> str | None:
        """What to log in to etcd with, if it wants that. Raises ConfigError for an unusable file."""
        if self.etcd_password_file is None:
            return None
        try:
            password = self.etcd_password_file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"cannot read {self.etcd_password_file}: {error}", hint="it holds the password of --etcd-user"
            ) from error
        if not password:
            raise ConfigError(f"{self.etcd_password_file} is empty", hint="write the password into it")
        return password

    def tls(self) -> ssl.SSLContext | None:
        """What to listen with; None for plain HTTP. Raises ConfigError for unusable files."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.tls_cert, self.tls_key)
        except OSError as error:
            raise ConfigError(
                f"cannot use {self.tls_cert} with {self.tls_key}: {error}",
                hint="give a certificate and its own private key, both as PEM files",
            ) from error
        if self.client_ca is not None:
            _trust(context, self.client_ca)
        return context

    def certificates(self) -> dict[str, bytes]:
        """Those that may run out under this server, by what they are to it; after `tls` and `authority`."""
        named = {
            "server": self.tls_cert,
            "authority": self.tls_ca,
            "client-authority": self.client_ca,
            "etcd-client": self.etcd_cert,
            "etcd-authority": self.etcd_ca,
        }
        return {name: path.read_bytes() for name, path in named.items() if path is not None}

    def advertised_url(self) -> str:
        """Where others reach this server: as told, else where it listens."""
        listen = self.listen
        host = socket.gethostname() if listen.host in _EVERYWHERE else listen.host
        address = self.advertise or str(Address(host, listen.port))
        if not _has_port(address):
            address = str(Address(address.strip("[]"), listen.port))
        return f"{'http' if self.tls_cert is None else 'https'}://{address}"

    def authority(self) -> bytes | None:
        """The certificate of who signed ours, if it was named. Raises ConfigError for an unusable file."""
        if self.tls_ca is None:
            return None
        try:
            content = self.tls_ca.read_bytes()
            ssl.create_default_context(cadata=content.decode())
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"cannot use {self.tls_ca}: {error}", hint="--tls-ca names a certificate, as a PEM file"
            ) from error
        return content


def _trust(context: ssl.SSLContext, client_ca: Path) -> None:
    """Clients may show a certificate, and one that is shown has to be good."""
    try:
        context.load_verify_locations(cafile=client_ca)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot use {client_ca}: {error}", hint="--client-ca names certificates, as a PEM file"
        ) from error
    context.verify_mode = ssl.CERT_OPTIONAL


def _has_port(address: str) -> bool:
    """Told from an IPv6 address without one by its brackets."""
    if address.count(":") > 1 and not address.startswith("["):
        return False
    return bool(re.search(r":\d+$", address))


def parse(arguments: Sequence[str] | None = None) -> Options:
    """The options; ends the process with usage and reason when they make no sense."""
    parser = argparse.ArgumentParser(
        prog="kohakuriver apiserver",
        description="Serve the KohakuRiver API: a Kubernetes-style API over HTTPS, its objects in etcd.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    options.add(parser, Options)
    given = options.read(parser, Options, arguments)
    if wrong := _contradiction(given):
        parser.error(wrong)
    return given


def _contradiction(given: Options) -> str:
    """What does not go together, or is missing; empty where all is well."""
    steps = {
        "--after-restore": given.after_restore,
        "--rewrite-values": given.rewrite_values,
        "--save-store": given.save_store,
        "--load-store": given.load_store,
    }
    asked = [flag for flag, is_asked in steps.items() if is_asked]
    if len(asked) > 1:
        return f"{' and '.join(asked[:2])} are two steps: run one after the other"
    if not asked and (wrong := _wrong_with_the_door(given)):
        return wrong
    if bool(given.etcd_cert) != bool(given.etcd_key):
        return "--etcd-cert and --etcd-key are needed together"
    if bool(given.etcd_user) != bool(given.etcd_password_file):
        return "--etcd-user and --etcd-password-file are needed together"
    return "" if given.etcd else "--etcd names no endpoint"


def _wrong_with_the_door(given: Options) -> str:
    """The same of what clients come in by."""
    if given.token_file == Path():
        return "--token-file is needed: it says who may come in"
    if given.insecure_http:
        if given.tls_cert or given.tls_key:
            return "--insecure-http and --tls-cert/--tls-key exclude each other"
        if not given.listen.is_loopback:
            return f"--insecure-http is for loopback addresses alone, not for {given.listen}"
        return "--insecure-http and --client-ca exclude each other" if given.client_ca else ""
    if given.tls_cert and given.tls_key:
        return ""
    return "--tls-cert and --tls-key are needed (or --insecure-http, on loopback, for a trial)"
