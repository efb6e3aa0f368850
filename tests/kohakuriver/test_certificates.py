import datetime
import socket
import ssl
import threading

from kohakuriver import certificates

NOW = datetime.datetime.now(datetime.UTC)


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


def test_a_certificate_knows_its_hosts():
    authority = certificates.new_authority("test", now=NOW)
    pair = certificates.sign(authority, "server", hosts=["127.0.0.1", "n1"], now=NOW)
    assert certificates.hosts_of(pair) == {"127.0.0.1", "n1"}
    assert certificates.hosts_of(authority) == frozenset()
