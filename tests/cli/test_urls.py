"""URLs of the API, as the standard library makes and reads them."""

import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.cli.api import urls

PROJECT = Path(__file__).parents[2]
TEXTS = st.text(st.sampled_from("aZ0-_.~/ %é+=&?#:@"), max_size=8)


@given(TEXTS)
def test_a_name_in_a_path_is_escaped(text):
    assert urls.quote(text) == urllib.parse.quote(text, safe="")


@given(st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_parameters_are_escaped(params):
    assert urls.query(params) == (f"?{urllib.parse.urlencode(params)}" if params else "")


@given(
    st.sampled_from(["http", "https", "HTTPS", "ftp"]),
    st.sampled_from(["127.0.0.1", "a.b-c", "A.example", "[::1]", "user:word@a", "", "ü"]),
    st.sampled_from(["", ":", ":1", ":6443", ":65535", ":0"]),
    st.sampled_from(["", "/", "/a", "/a/b/", "/a%20b", "/a?b=c", "/a#b"]),
)
def test_a_server_is_where_its_url_says(scheme, host, port, path):
    text = f"{scheme}://{host}{port}{path}"
    found, known = urls.split(text), urllib.parse.urlsplit(text)
    port = known.port or (443 if known.scheme == "https" else 80)
    assert found == (known.scheme == "https", known.hostname or "", port, known.path.rstrip("/"))


def test_a_port_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="Port"):
        urls.split("https://a:99999")


def test_what_is_plain_needs_no_library():
    asked = (
        "import sys; from kohakuriver.cli.api import urls; "
        "print(urls.split('https://127.0.0.1:16443/a/'), urls.quote('vps-1'), urls.query({'watch': '1'}), "
        "'urllib.parse' in sys.modules)"
    )
    words = [sys.executable, "-PS", "-c", asked]
    environment = {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.endswith("path='/a') vps-1 ?watch=1 False\n")
