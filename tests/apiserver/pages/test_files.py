"""The files of the web page over HTTP: what is answered, how long it may be kept, what a browser may do."""

import gzip
import re
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from kohakuriver.apiserver.pages import files
from kohakuriver.apiserver.pages.headers import ALL
from tests.apiserver.api import Api, running_api
from tests.apiserver.pages.kit import SCRIPT, a_page

FOR_EVER = "public, max-age=31536000, immutable"


async def ask(
    api: Api, path: str, method: str = "GET", **headers: str
) -> tuple[int, bytes, Mapping[str, str]]:
    """Whatever comes first, and as it came: nothing is unpacked or followed."""
    asked = {name.replace("_", "-"): value for name, value in headers.items()}
    url = aiohttp.client.URL(api.url + path, encoded=True)
    async with (
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as session,
        session.request(method, url, headers=asked, allow_redirects=False) as reply,
    ):
        return reply.status, await reply.read(), reply.headers


@pytest.mark.parametrize("path", ["/ui/", "/ui/vpses/default/dev", "/ui/index.html", "/ui/a.b/c"])
async def test_every_path_that_is_no_file_is_the_page(tmp_path: Path, path: str) -> None:
    async with running_api(page=a_page(tmp_path)) as api:
        code, content, headers = await ask(api, path)
        assert (code, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert content.startswith(b"<!doctype html>") and headers["Cache-Control"] == "no-cache"
        code, content, headers = await ask(api, path, "HEAD")
        assert (code, content, headers["Content-Type"]) == (200, b"", "text/html; charset=utf-8")


async def test_each_answer_of_the_page_has_a_nonce_of_its_own(tmp_path: Path) -> None:
    async with running_api(page=a_page(tmp_path)) as api:
        nonces = []
        for _ in range(2):
            _, content, headers = await ask(api, "/ui/")
            found = re.search(rb'content="([A-Za-z0-9_-]{20,})"', content)
            assert found is not None
            nonces.append(found[1].decode())
            policy = headers["Content-Security-Policy"]
            assert f"style-src 'self' 'nonce-{nonces[-1]}';" in policy
            assert "script-src 'self';" in policy and "ETag" not in headers
        assert len(set(nonces)) == 2


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("assets/a-1.js", "text/javascript; charset=utf-8"),
        ("assets/b-2.css", "text/css; charset=utf-8"),
        ("assets/c-3.woff2", "font/woff2"),
    ],
)
async def test_an_asset_may_be_kept_for_ever_and_has_its_type(
    tmp_path: Path, name: str, media_type: str
) -> None:
    async with running_api(page=a_page(tmp_path)) as api:
        code, content, headers = await ask(api, f"/ui/{name}")
        assert (code, content) == (200, (tmp_path / "web" / name).read_bytes())
        assert (headers["Content-Type"], headers["Cache-Control"]) == (media_type, FOR_EVER)
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_who_has_a_file_already_gets_no_second_copy(tmp_path: Path) -> None:
    async with running_api(page=a_page(tmp_path)) as api:
        _, content, headers = await ask(api, "/ui/icon.svg")
        assert headers["Cache-Control"] == "no-cache"
        code, again, _ = await ask(api, "/ui/icon.svg", If_None_Match=headers["ETag"])
        assert (code, again) == (304, b"")
        assert (await ask(api, "/ui/icon.svg", If_None_Match='"other"'))[:2] == (200, content)


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip, br", True), ("br;q=1.0, GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False), ("", False)],
)
async def test_a_file_comes_packed_where_that_is_taken(tmp_path: Path, accepted: str, packed: bool) -> None:
    async with running_api(page=a_page(tmp_path)) as api:
        _, content, headers = await ask(api, "/ui/assets/a-1.js", Accept_Encoding=accepted)
        assert headers.get("Content-Encoding") == ("gzip" if packed else None)
        assert (gzip.decompress(content) if packed else content) == SCRIPT.encode()
        assert headers["Vary"] == "Accept-Encoding"
        assert headers["ETag"].endswith('-gz"') == packed, "a cache must not take one for the other"


async def test_a_large_file_comes_whole(tmp_path: Path) -> None:
    folder = a_page(tmp_path)
    (folder / "assets" / "large-9.js").write_bytes(b"x" * 1_000_001)
    async with running_api(page=folder) as api:
        code, content, headers = await ask(api, "/ui/assets/large-9.js")
        assert (code, len(content), headers["Content-Length"]) == (200, 1_000_001, "1000001")
        code, content, headers = await ask(api, "/ui/assets/large-9.js", "HEAD")
        assert (code, content, headers["Content-Length"]) == (200, b"", "1000001")


@pytest.mark.parametrize(
    "path",
    [
        "/ui/../secret",
        "/ui/assets/../../secret",
        "/ui/assets/%2e%2e/%2e%2e/secret",
        "/ui/..%2fsecret",
        "/ui/assets/..%2f..%2fsecret",
        "/ui/assets//secret",
        "/ui/%2fetc%2fpasswd",
        "/ui/assets/link",
        "/ui/assets/a-1.js%00",
        "/ui/assets/a-1.js.gz",
    ],
)
async def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    folder = a_page(tmp_path)
    (tmp_path / "secret").write_text("the secret")
    (folder / "assets" / "link").symlink_to(tmp_path / "secret")
    async with running_api(page=folder) as api:
        code, content, _ = await ask(api, path)
        assert b"the secret" not in content and b"root:" not in content
        assert code in (200, 401, 403, 404)
        assert code != 200 or content.startswith(b"<!doctype html>")


async def test_browsers_are_sent_to_the_page_and_programs_are_not(tmp_path: Path) -> None:
    async with running_api(page=a_page(tmp_path)) as api:
        for path, headers in (("/ui", {}), ("/", {"Accept": "text/html,application/xhtml+xml"})):
            code, _, answered = await ask(api, path, **headers)
            assert (code, answered["Location"]) == (302, "/ui/"), path
        assert (await ask(api, "/"))[0] == 401
        assert "/apis" in (await api.get("/")).body["paths"]


async def test_every_answer_below_it_says_what_browsers_may_not_do(tmp_path: Path) -> None:
    async with running_api(page=a_page(tmp_path)) as api:
        for path in ("/ui", "/ui/", "/ui/icon.svg", "/ui/assets/nothing-0.js"):
            _, _, headers = await ask(api, path)
            for name, value in ALL.items():
                assert name == "Content-Security-Policy" or headers[name] == value, (path, name)
            policy = headers["Content-Security-Policy"]
            rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
            assert (rules["default-src"], rules["script-src"]) == ("'none'", "'self'")
            assert (rules["frame-ancestors"], rules["base-uri"]) == ("'none'", "'none'")
            assert "unsafe-inline" not in rules["style-src"] and "unsafe-eval" not in policy
            assert not any(name.lower().startswith("access-control-") for name in headers)


async def test_a_server_without_a_page_says_how_it_is_made(tmp_path: Path) -> None:
    async with running_api(page=tmp_path / "none") as api:
        reply = await api.get("/ui/")
        assert (reply.code, reply.body["reason"]) == (404, "NotFound")
        assert "make web" in reply.body["details"]["hint"]
        a_page(tmp_path).rename(tmp_path / "none")
        assert (await ask(api, "/ui/"))[0] == 200, "once it is there, it is served"


async def test_a_page_that_is_built_again_is_the_one_that_is_served(tmp_path: Path) -> None:
    folder = a_page(tmp_path)
    async with running_api(page=folder) as api:
        assert (await ask(api, "/ui/assets/a-1.js"))[0] == 200
        (folder / "assets" / "a-1.js").rename(folder / "assets" / "a-7.js")
        (folder / "index.html").write_text("<!doctype html>another")
        assert (await ask(api, "/ui/"))[1] == b"<!doctype html>another"
        assert [(await ask(api, f"/ui/assets/a-{number}.js"))[0] for number in (1, 7)] == [404, 200]


def test_more_than_may_be_kept_in_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 10)
    with pytest.raises(OSError, match="holds more than"):
        files.read(a_page(tmp_path))
