"""`login`, `logout`, and the login in the hands of kubectl and of other commands."""

import http.client
import json
import stat
import threading
import time
from pathlib import Path

from kohakuriver.cli.login import flow
from kohakuriver.client import config
from tests.cli.login.kit import Person, a_person

LIST = ("vps", "list")


def shorten(person: Person) -> None:
    """The token that is kept is nearly over."""
    kept = json.loads(person.kept.read_text())
    person.kept.write_text(json.dumps({**kept, "ends": time.time() + 5}))


async def test_a_browser_logs_in_and_other_commands_and_kubectl_use_it(tmp_path: Path) -> None:
    async with a_person(tmp_path) as person:
        code, out, err = await person.logs_in()
        assert (code, out) == (0, 'logged in to "lab" as oidc:alice\n'), err
        assert f"log in here: {person.provider.url}/authorize?response_type=code" in err
        (grant,) = person.provider.grants
        assert grant["grant_type"] == "authorization_code"
        assert len(grant["code_verifier"]) >= 43
        assert stat.S_IMODE(person.kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(person.kept.parent.stat().st_mode) == 0o700
        written = json.loads(person.config.read_text())
        assert [one["name"] for one in written["users"]] == ["nobody", "lab-login"]
        assert written["users"][1]["user"]["exec"]["args"] == ["login", "--credential", str(person.kept)]
        assert "refresh-1" not in person.config.read_text()
        for program, words in (("kohakuriver", LIST), ("kubectl", ("get", "vps"))):
            code, out, err = await person.types(*words, program=program)
            assert code == 0, (program, out, err)
        code, out, err = await person.types("auth", "whoami", program="kubectl")
        assert "oidc:alice" in out, err
        assert len(person.provider.grants) == 1


async def test_a_token_that_is_over_is_renewed_by_itself_and_once(tmp_path: Path) -> None:
    async with a_person(tmp_path) as person:
        await person.logs_in()
        for number, (program, words) in enumerate((("kubectl", ("get", "vps")), ("kohakuriver", LIST)), 1):
            shorten(person)
            code, out, err = await person.types(*words, program=program)
            assert code == 0, (program, out, err)
            assert [one.get("refresh_token") for one in person.provider.grants[1:]] == [
                f"refresh-{place}" for place in range(1, number + 1)
            ]
        before = len(person.provider.grants)
        assert (await person.types(*LIST))[0] == 0
        assert len(person.provider.grants) == before


async def test_a_login_that_the_provider_has_ended_is_told_with_what_to_do(tmp_path: Path) -> None:
    async with a_person(tmp_path) as person:
        await person.logs_in()
        shorten(person)
        person.provider.refusing = "invalid_grant"
        code, out, err = await person.types(*LIST)
        assert (code, out) == (1, "")
        assert f"error: your login with {person.provider.url} is over" in err
        assert "hint: log in: kohakuriver login" in err
        code, out, err = await person.types("get", "vps", program="kubectl")
        assert code != 0
        assert "is over" in err
        person.provider.refusing = ""
        code, out, err = await person.types("login", "lab")
        assert (code, out) == (0, 'logged in to "lab" as oidc:alice\n'), err


async def test_a_code_for_another_device_logs_in(tmp_path: Path) -> None:
    async with a_person(tmp_path) as person:
        code, out, err = await person.logs_in("--device")
        assert (code, out) == (0, 'logged in to "lab" as oidc:alice\n'), err
        assert f"open {person.provider.url}/activate on any device, and type WDJB-MJHT" in err
        assert [one["grant_type"].rpartition(":")[2] for one in person.provider.grants] == ["device_code"] * 2


async def test_logging_out_leaves_no_token_and_who_it_was_with_is_known(tmp_path: Path) -> None:
    async with a_person(tmp_path) as person:
        code, _out, err = await person.types("logout")
        assert (code, err.splitlines()[0]) == (2, 'error: context "lab" has no login')
        await person.logs_in()
        assert (await person.types("logout"))[:2] == (0, 'logged out of "lab"\n')
        kept = json.loads(person.kept.read_text())
        assert (kept["token"], kept["refresh"], kept["issuer"]) == ("", "", person.provider.url)
        code, _, err = await person.types(*LIST)
        assert (code, err) == (1, "error: you are not logged in\nhint: log in: kohakuriver login\n")
        assert (await person.types("logout"))[:2] == (0, 'nobody is logged in to "lab"\n')
        assert (await person.types("login"))[0] == 0
        assert (await person.types(*LIST))[0] == 0


async def test_whom_the_server_does_not_let_in_is_told_so_after_the_login(tmp_path: Path) -> None:
    async with a_person(tmp_path) as person:
        person.provider.claims = {"sub": "bob", "groups": []}
        code, _out, err = await person.logs_in()
        assert code == 1
        assert 'the API server does not let you in: user "oidc:bob" has logged in, and no rule' in err
    second = tmp_path / "second"
    second.mkdir()
    async with a_person(second, known=False) as person:
        code, _, err = await person.logs_in()
        assert code == 1
        assert "the API server does not let you in: the bearer token is not known" in err


async def test_a_provider_that_is_not_as_it_says_gets_nothing(tmp_path: Path) -> None:
    async with a_person(tmp_path) as person:
        code, _out, err = await person.types("login")
        assert code == 2
        assert "--issuer is missing: kohakuriver login --issuer URL --client-id ID" in err
        person.provider.described = {"token_endpoint": "http://203.0.113.1/token"}
        code, _out, err = await person.logs_in()
        assert (code, "names no token_endpoint that can be used" in err) == (1, True), err
        person.provider.described = {"issuer": "https://other.example"}
        code, _out, err = await person.logs_in()
        assert (code, "calls itself https://other.example" in err) == (1, True), err
        person.provider.described, person.provider.audience = {}, "somebody-else"
        code, _out, err = await person.logs_in()
        assert (code, "is not for kohakuriver" in err) == (1, True), err
        person.provider.away = True
        code, _out, err = await person.logs_in()
        assert (code, "answered 503" in err) == (1, True), err
        assert person.provider.grants[1:] == []
        assert config.load(person.config).plugin is None
        assert person.logins == []
        code, _, err = await person.types("login", "--issuer", "http://sso.example", "--client-id", "x")
        assert (code, "use https" in err) == (1, True), err


def test_what_comes_back_without_the_state_is_not_taken_for_an_answer() -> None:
    with flow.Listener("the-state", 0) as listener:
        said: list[dict[str, str]] = []
        waiting = threading.Thread(target=lambda: said.append(listener.wait(30)))
        waiting.start()
        asked = http.client.HTTPConnection("127.0.0.1", listener.server_address[1], timeout=10)
        codes = []
        for query in (
            "?code=x",
            "?code=x&state=other",
            "/more?code=x&state=the-state",
            "?code=right&state=the-state",
        ):
            asked.request("GET", f"/callback{query}")
            codes.append(asked.getresponse().status)
            asked.close()
        waiting.join(30)
    assert codes == [404, 404, 404, 200]
    assert [one["code"] for one in said] == ["right"]
