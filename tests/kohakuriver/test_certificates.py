import datetime
import ipaddress
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.x509 import verification

from kohakuriver import certificates, errors

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def test_a_client_that_trusts_the_authority_accepts_the_server_it_signed(tmp_path):
    authority = certificates.new_authority("test", now=NOW)
    server = certificates.sign(authority, "server", hosts=["127.0.0.1", "localhost"], now=NOW)
    server.save(tmp_path, "server")
    listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    listening.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    ours, theirs = socket.socketpair()
    served = threading.Thread(target=lambda: listening.wrap_socket(theirs, server_side=True).close())
    served.start()
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    with trusting.wrap_socket(ours, server_hostname="127.0.0.1") as connection:
        assert connection.getpeercert() is not None
    served.join()


def test_a_saved_pair_loads_again_and_its_key_is_private(tmp_path):
    pair = certificates.new_authority("test", now=NOW)
    pair.save(tmp_path, "ca")
    assert certificates.load(tmp_path, "ca") == pair
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0
    assert certificates.load(tmp_path, "other") is None


def test_a_certificate_whose_key_is_another_is_no_pair_and_is_signed_anew(tmp_path):
    authority = certificates.new_authority("test", now=NOW)
    certificates.sign(authority, "server", hosts=["127.0.0.1"], now=NOW).save(tmp_path, "server")
    (tmp_path / "server.key").write_bytes(certificates.sign(authority, "server", hosts=[], now=NOW).key)
    assert certificates.load(tmp_path, "server") is None


def test_a_file_that_a_power_cut_left_empty_is_no_pair(tmp_path):
    authority = certificates.new_authority("test", now=NOW)
    certificates.sign(authority, "server", hosts=["127.0.0.1"], now=NOW).save(tmp_path, "server")
    (tmp_path / "server.key").write_bytes(b"")
    assert certificates.load(tmp_path, "server") is None


def test_an_authority_that_machines_trust_is_never_replaced_for_a_key_of_another(tmp_path):
    certificates.new_authority("test", now=NOW).save(tmp_path, "ca")
    (tmp_path / "ca.key").write_bytes(certificates.new_authority("test", now=NOW).key)
    with pytest.raises(errors.ConfigError) as caught:
        certificates.load(tmp_path, "ca")
    assert "ca.key" in caught.value.message


def test_a_certificate_knows_its_hosts():
    authority = certificates.new_authority("test", now=NOW)
    pair = certificates.sign(authority, "server", hosts=["127.0.0.1", "n1"], now=NOW)
    assert certificates.hosts_of(pair) == {"127.0.0.1", "n1"}
    assert certificates.hosts_of(authority) == frozenset()


def later(days):
    return NOW + datetime.timedelta(days=days)


def test_a_certificate_is_due_when_a_third_of_its_time_is_left_or_it_has_not_begun():
    pair = certificates.new_authority("test", now=NOW)
    assert not certificates.is_due(pair, NOW)
    assert not certificates.is_due(pair, later(certificates.VALID_DAYS * 0.66))
    assert certificates.is_due(pair, later(certificates.VALID_DAYS * 0.68))
    assert certificates.is_due(pair, later(certificates.VALID_DAYS * 2))
    ahead = certificates.new_authority("test", now=later(300))
    assert certificates.is_due(ahead, NOW), "it was made under a clock that was ahead"
    assert not certificates.is_due(pair, datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC))


def check(server, trusted, at):
    """Raises VerificationError where a client that trusts `trusted` does not take the server at that time."""
    store = verification.Store([x509.load_pem_x509_certificate(trusted.certificate)])
    builder = verification.PolicyBuilder().store(store).time(at)
    verifier = builder.build_server_verifier(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    verifier.verify(x509.load_pem_x509_certificate(server.certificate), [])


def test_an_authority_that_is_renewed_and_the_one_before_trust_what_either_has_signed(tmp_path):
    old = certificates.authority(tmp_path, "ca", "test", now=NOW)
    by_old = certificates.sign(old, "server", hosts=["127.0.0.1"], now=NOW)
    late = later(certificates.VALID_DAYS * 0.7)
    new = certificates.authority(tmp_path, "ca", "test", now=late)
    assert certificates.days_left(new.certificate, late) == certificates.VALID_DAYS
    assert certificates.load(tmp_path, "ca") == new
    by_new = certificates.sign(new, "server", hosts=["127.0.0.1"], now=late)
    for server, trusted in ((by_old, old), (by_old, new), (by_new, old), (by_new, new)):
        check(server, trusted, late)
    stranger = certificates.new_authority("test", now=late)
    with pytest.raises(verification.VerificationError):
        check(by_new, stranger, late)
    assert certificates.authority(tmp_path, "ca", "test", now=late) == new, "it is made once"


def test_nothing_is_signed_under_a_clock_that_was_never_set(tmp_path):
    with pytest.raises(errors.ConfigError, match="clock says 1970-01-01"):
        certificates.authority(tmp_path, "ca", "test", now=datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC))
    assert list(tmp_path.iterdir()) == []
