"""A private certificate authority and the certificates it signs: for the API server, and for a private etcd.

Ed25519 would be smaller, but Debian's etcd and older TLS stacks want ECDSA, so keys are P-256.
"""

import dataclasses
import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kohakuriver import errors, private_file

VALID_DAYS = 3650
WARN_DAYS = 365  # before the end, wherever a person looks
SOUND = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)  # no machine that runs this has an earlier time
_SKEW = datetime.timedelta(hours=26)  # so that a machine whose clock is behind accepts them


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def save(self, folder: Path, name: str) -> None:
        """Write NAME.crt and NAME.key (0600)."""
        private_file.write(folder / f"{name}.key", self.key)
        private_file.write(folder / f"{name}.crt", self.certificate)


def load(folder: Path, name: str) -> Pair | None:
    """The pair that `save` wrote; None when there is none, or only half of one: the power was cut between
    its two files. Raises ConfigError for an authority without its key: machines trust just that one."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    if not (certificate.exists() and key.exists()):
        return None
    found = Pair(certificate.read_bytes(), key.read_bytes())
    if _belong_together(found):
        return found
    if _is_authority(found):
        raise errors.ConfigError(
            f"{key} is not the key of {certificate}",
            hint="bring both back from a backup; what trusts that certificate takes no other",
        )
    return None


def ends_of(certificates: bytes) -> datetime.datetime:
    """Until when the first of the certificates in a PEM file is good: of a chain the one that is shown."""
    return x509.load_pem_x509_certificates(certificates)[0].not_valid_after_utc


def days_left(certificates: bytes, now: datetime.datetime) -> float:
    return (ends_of(certificates) - now).total_seconds() / 86400


def is_due(pair: Pair, now: datetime.datetime) -> bool:
    """Whether to sign it anew: a third of its time or less is left, or it has not begun, as it was made under
    a clock that was ahead. A clock that is wrong itself is no reason."""
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= SOUND and not begins <= now < ends - (ends - begins) / 3


def authority(folder: Path, name: str, title: str, *, now: datetime.datetime) -> Pair:
    """The authority that `folder` keeps, made when there is none. When it is due it gets another certificate
    of the same key: who trusts either of them takes what either has signed."""
    found = load(folder, name)
    if found is None:
        made = new_authority(title, now=now)
    elif is_due(found, now):
        made = _prolonged(found, now=now)
    else:
        return found
    made.save(folder, name)
    return made


def new_authority(name: str, *, now: datetime.datetime) -> Pair:
    """A self-signed certificate authority."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return _authority(subject, ec.generate_private_key(ec.SECP256R1()), now)


def _prolonged(pair: Pair, *, now: datetime.datetime) -> Pair:
    before = x509.load_pem_x509_certificate(pair.certificate)
    return _authority(before.subject, _key(pair), now)


def _key(pair: Pair) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pair.key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the authority's key is not an elliptic-curve key")
    return key


def _authority(subject: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime.datetime) -> Pair:
    usage = _usage(signs_certificates=True)
    builder = (
        _builder(subject, subject, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def sign(authority: Pair, name: str, *, hosts: Sequence[str], now: datetime.datetime) -> Pair:
    """A certificate for a server on `hosts` (names or addresses), good as a client's too."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(subject, issuer.subject, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
    )
    if hosts:
        names = x509.SubjectAlternativeName([_general_name(host) for host in dict.fromkeys(hosts)])
        builder = builder.add_extension(names, critical=False)
    return _pair(builder.sign(_key(authority), hashes.SHA256()), key)


def hosts_of(pair: Pair) -> frozenset[str]:
    """The names and addresses a certificate is good for."""
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(str(name.value) for name in names)


def _belong_together(pair: Pair) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        key = serialization.load_pem_private_key(pair.key, password=None)
    except (ValueError, TypeError):
        return False
    return certificate.public_key() == key.public_key()


def _is_authority(pair: Pair) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound):
        return False


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    if now < SOUND:
        raise errors.ConfigError(
            f"this machine's clock says {now:%Y-%m-%d}: what is signed now would be over once it is right",
            hint="set the clock (timedatectl says whether it is synchronized), then try again",
        )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
