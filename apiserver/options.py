"""The command line of `python -m kohakuriver.apiserver`, checked before anything is started."""

import argparse
import dataclasses
import ipaddress
import logging
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from kohakuriver import quantity
from kohakuriver.apiserver.limits.limits import Limits
from kohakuriver.apiserver.quota import default
from kohakuriver.apiserver.store.base import QUOTA
from kohakuriver.errors import ConfigError
from kohakuriver.resources import quota

EXAMPLE = """\
example:
  kohakuriver apiserver --etcd https://10.0.0.1:2379,https://10.0.0.2:2379 \\
      --etcd-ca ca.crt --etcd-cert client.crt --etcd-key client.key \\
      --listen 0.0.0.0:6443 --tls-cert server.crt --tls-key server.key --token-file tokens.jsonl

Any number of API servers may run beside each other on one etcd. The server is ready when /readyz answers 200.
"""


_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


@dataclasses.dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        host, separator, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not separator or not host or not port.isdigit() or int(port) > 65535:
            raise argparse.ArgumentTypeError(f'"{text}" is not HOST:PORT, such as 127.0.0.1:6443')
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclasses.dataclass(frozen=True)
class Options:
    """Everything that can be said on the command line."""

    etcd: tuple[str, ...]
    etcd_ca: Path | None
    etcd_cert: Path | None
    etcd_key: Path | None
    etcd_user: str | None
    etcd_password_file: Path | None
    etcd_prefix: str
    etcd_quota: int
    listen: Address
    advertise: str | None
    tls_cert: Path | None
    tls_key: Path | None
    tls_ca: Path | None
    token_file: Path
    client_ca: Path | None
    limits: Limits
    default_quota: Mapping[str, int]
    audit_log: Path | None
    metrics_listen: Address | None
    after_restore: bool
    encryption_keys: Path | None
    rewrite_values: bool
    log_level: int

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
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.after_restore and given.rewrite_values:
        parser.error("--after-restore and --rewrite-values are two steps: run one after the other")
    if given.after_restore or given.rewrite_values:
        pass  # nothing is served
    elif given.token_file == Path():
        parser.error("--token-file is needed: it says who may come in")
    elif given.insecure_http:
        if given.tls_cert or given.tls_key:
            parser.error("--insecure-http and --tls-cert/--tls-key exclude each other")
        if not given.listen.is_loopback:
            parser.error(f"--insecure-http is for loopback addresses alone, not for {given.listen}")
        if given.client_ca:
            parser.error("--insecure-http and --client-ca exclude each other")
    elif not (given.tls_cert and given.tls_key):
        parser.error("--tls-cert and --tls-key are needed (or --insecure-http, on loopback, for a trial)")
    if bool(given.etcd_cert) != bool(given.etcd_key):
        parser.error("--etcd-cert and --etcd-key are needed together")
    if bool(given.etcd_user) != bool(given.etcd_password_file):
        parser.error("--etcd-user and --etcd-password-file are needed together")
    endpoints = tuple(endpoint.strip() for endpoint in given.etcd.split(",") if endpoint.strip())
    if not endpoints:
        parser.error("--etcd names no endpoint")
    return Options(
        etcd=endpoints,
        etcd_ca=given.etcd_ca,
        etcd_cert=given.etcd_cert,
        etcd_key=given.etcd_key,
        etcd_user=given.etcd_user,
        etcd_password_file=given.etcd_password_file,
        etcd_prefix=given.etcd_prefix,
        etcd_quota=given.etcd_quota,
        listen=given.listen,
        advertise=given.advertise,
        tls_cert=given.tls_cert,
        tls_key=given.tls_key,
        tls_ca=given.tls_ca,
        token_file=given.token_file,
        client_ca=given.client_ca,
        limits=Limits(given.rate_limit, given.rate_burst, given.max_inflight, given.max_open),
        default_quota=given.default_quota,
        audit_log=given.audit_log,
        metrics_listen=given.metrics_listen,
        after_restore=given.after_restore,
        encryption_keys=given.encryption_keys,
        rewrite_values=given.rewrite_values,
        log_level=logging.DEBUG if given.verbose else logging.INFO,
    )


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise argparse.ArgumentTypeError(f'invalid number of requests a second "{text}": use 0 or more')
    return number


def _bytes(text: str) -> int:
    try:
        number = quantity.size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if number < 1:
        raise argparse.ArgumentTypeError(f'invalid size "{text}": use at least 1, in Mi or Gi')
    return number


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**9:
        raise argparse.ArgumentTypeError(f'invalid number of requests "{text}": use 1 or more')
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kohakuriver apiserver",
        description="Serve the KohakuRiver API: a Kubernetes-style API over HTTPS, its objects in etcd.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    store = parser.add_argument_group("etcd")
    store.add_argument(
        "--etcd",
        required=True,
        metavar="URL[,URL]",
        help="client endpoints of one cluster; when one fails, the next is used",
    )
    store.add_argument("--etcd-ca", type=Path, metavar="FILE", help="CA that signed etcd's certificate")
    store.add_argument("--etcd-cert", type=Path, metavar="FILE", help="certificate to show to etcd")
    store.add_argument("--etcd-key", type=Path, metavar="FILE", help="its private key")
    store.add_argument("--etcd-user", metavar="NAME", help="whom to log in to etcd as, where it wants that")
    store.add_argument(
        "--etcd-password-file",
        type=Path,
        metavar="FILE",
        help="the file that holds the user's password; it is never taken from the command line",
    )
    store.add_argument(
        "--etcd-prefix",
        default="/kohakuriver",
        metavar="PREFIX",
        help="what all keys start with, so that clusters can share an etcd (default: %(default)s)",
    )
    store.add_argument(
        "--etcd-quota",
        type=_bytes,
        default=QUOTA,
        metavar="SIZE",
        help="etcd's --quota-backend-bytes: at 80%% of it users may delete and not write, so that the "
        "rest is left to nodes and admins (default: 2Gi, as etcd's own)",
    )
    store.add_argument(
        "--after-restore",
        action="store_true",
        help="etcd holds an older backup now: begin a new history of the store, and end, serving nothing. "
        "Only needed where a server cannot see it for itself; docs/operations.md says when",
    )
    store.add_argument(
        "--encryption-keys",
        type=Path,
        metavar="FILE",
        help="encrypt VPSes and Environments in etcd: one line `NAME BASE64` for each key of 32 bytes, the "
        "first for what is written; all API servers need the same file (docs/operations.md)",
    )
    store.add_argument(
        "--rewrite-values",
        action="store_true",
        help="write everything anew under the first of --encryption-keys, and end, serving nothing",
    )
    door = parser.add_argument_group("listening")
    door.add_argument(
        "--listen",
        type=Address.parse,
        default=Address("127.0.0.1", 6443),
        metavar="HOST:PORT",
        help="where clients come in (default: %(default)s)",
    )
    door.add_argument(
        "--advertise",
        metavar="HOST[:PORT]",
        help="where agents, controllers and other API servers reach this one; it registers itself under it "
        "(default: as --listen, and this machine's name in place of 0.0.0.0)",
    )
    door.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate to show to clients (PEM)")
    door.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key (PEM)")
    door.add_argument(
        "--tls-ca",
        type=Path,
        metavar="FILE",
        help="the CA that signed it (PEM): shown to machines that join, which compare its hash",
    )
    door.add_argument(
        "--insecure-http", action="store_true", help="plain HTTP in place of TLS; loopback addresses only"
    )
    door.add_argument(
        "--token-file",
        type=Path,
        default=Path(),
        metavar="FILE",
        help='who may come in: one {"sha256": …, "user": …, "role": …} per line',
    )
    door.add_argument(
        "--client-ca",
        type=Path,
        metavar="FILE",
        help="also let in who shows a client certificate signed by one of these CAs (PEM): its CN is the "
        "user, O=role:ROLE the role, O=namespace:NAME its namespaces (default: bearer tokens alone)",
    )
    shipped = Limits()
    for name, type_, value, words in (
        (
            "--rate-limit",
            _amount,
            shipped.rate,
            "requests a second that one credential may make, long ones counting as several; 0: any",
        ),
        ("--rate-burst", _count, shipped.burst, "requests it may make at once, after a silence"),
        (
            "--max-inflight",
            _count,
            shipped.inflight,
            "requests of one credential under way at once, watches not counted",
        ),
        ("--max-open", _count, shipped.lasting, "watches and streams that one credential may keep open"),
    ):
        door.add_argument(
            name, type=type_, default=value, metavar="N", help=f"{words} (default: {value:g}); else 429"
        )
    door.add_argument(
        "--default-quota",
        type=default.parse,
        default=quota.DEFAULT,
        metavar="NAME=AMOUNT[,…]",
        help="what may be stored in a namespace, of what no ResourceQuota there names: how many VPSes, and "
        "bytes of all its objects (default: %(default)s); none: any; else 403",
    )
    door.add_argument(
        "--audit-log",
        type=Path,
        metavar="FILE",
        help="also write who opened, wrote or was refused what there, as lines of JSON for its owner alone; "
        "begun anew at 20 MB, 9 older ones are kept beside it (default: nowhere)",
    )
    door.add_argument(
        "--metrics-listen",
        type=Address.parse,
        metavar="HOST:PORT",
        help="also serve /metrics there, in plain HTTP and without a credential (default: nowhere)",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log more: health checks, heartbeats")
    return parser
