"""People in a browser: tokens are made there, used by the commands, and taken back; quotas are changed."""

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from kohakuriver.cli.token import joining
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from tests.e2e.conftest import Cluster, a_manifest
from tests.web.conftest import NARROW, Visitor, broken_rules, new_token, overflows

expect.set_options(timeout=60_000)


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


def agree(page: Page, action: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()


def test_a_token_is_made_in_the_browser_works_with_the_command_and_is_taken_back(
    visitor: Visitor, visit: Callable[..., Visitor], cluster: Cluster, tmp_path: Path
) -> None:
    page = visitor.goto("/people")
    page.get_by_role("button", name="Create a token").click()
    form = page.get_by_role("dialog", name="Create a token")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("alert")).to_have_text("the user is missing: say who it is for")
    form.get_by_role("textbox", name="User").fill("bea")
    form.get_by_label("Good for").fill("8h")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        form.get_by_role("button", name="Create").click()
    shown = page.get_by_role("dialog").filter(has_text="only time that it is shown")
    secret = shown.locator(".people-secret code").inner_text()
    assert secret not in (sent.value.post_data or ""), "the cluster gets the hash alone"
    with page.expect_download() as saved:
        shown.get_by_role("button", name="Save bea.config").click()
    saved.value.save_as(tmp_path / "bea.config")
    shown.get_by_role("button", name="I have it").click()

    name = next(
        one["metadata"]["name"]
        for one in json.loads(cluster.ok("get", "tokens", "-o", "json"))["items"]
        if one["spec"].get("user") == "bea"
    )
    expect(row(page, name)).to_contain_text("bea")
    expect(row(page, name)).to_contain_text("in 7h")
    theirs = {"KOHAKURIVER_CONFIG": str(tmp_path / "bea.config")}
    assert cluster.cli("vps", "list", **theirs).code == 0
    assert "cannot list" in cluster.cli("get", "tokens", **theirs).text

    bea = visit()
    bea.log_in(secret)
    expect(row(page, "session-").filter(has_text="bea")).to_contain_text("user")
    bea.page.get_by_role("link", name="You", exact=True).click()
    expect(bea.page.get_by_text("makes, changes and enters VPSes in its own namespaces")).to_be_visible()

    page.get_by_role("button", name=f"Revoke {name}").click()
    agree(page, "Revoke it")
    expect(bea.page.get_by_text("The session is over")).to_be_visible(timeout=5_000)
    assert cluster.cli("vps", "list", **theirs).code != 0
    expect(page.get_by_role("row").filter(has_text="bea")).to_have_count(0)


def test_a_machine_joins_by_the_command_that_the_command_prints(page: Page, cluster: Cluster) -> None:
    page.get_by_role("link", name="People", exact=True).click()
    page.get_by_role("link", name="Add a machine").click()
    expect(page.get_by_text("is this machine alone")).to_be_visible()
    page.get_by_label("Its name as a node").fill("n2")
    page.get_by_role("button", name="Make the command").click()
    line = page.get_by_label("The command", exact=True).inner_text()
    token = line.rpartition("<<<")[2]
    ours = config.load(cluster.config)
    holder = Connection(server=ours.server, ca=ours.ca)
    assert line == joining.command(holder, token, node="n2")
    short = page.get_by_label("The command where it is installed").inner_text()
    assert short == joining.installed_command(holder, token, node="n2")
    listed = cluster.ok("get", "tokens", "-o", "json")
    assert token not in listed
    [made] = [one["spec"] for one in json.loads(listed)["items"] if one["spec"]["role"] == "join"]
    assert (made["node"], made["ttl"]) == ("n2", "1h")


def test_a_namespace_gets_a_quota_and_its_user_sees_what_is_used(
    page: Page, visit: Callable[..., Visitor], cluster: Cluster
) -> None:
    page.get_by_role("link", name="People", exact=True).click()
    page.get_by_role("link", name="Namespaces").click()
    page.get_by_role("button", name="New namespace").click()
    page.get_by_role("dialog").get_by_label("Name").fill("team-a")
    agree(page, "Create")
    page.get_by_role("button", name="Set a quota for team-a").click()
    form = page.get_by_role("dialog", name="A quota for team-a")
    form.get_by_label("cores").fill("many")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("requests.cpu")
    form.get_by_label("cores").fill("2")
    form.get_by_label("VPSes").fill("5")
    form.get_by_role("button", name="Save").click()
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="team-a"))
    expect(card.get_by_role("meter", name="cores")).to_have_attribute("aria-valuetext", "0 of 2")

    who = visit(viewport=NARROW)
    who.log_in(new_token(cluster, "--user", "cleo", "-n", "team-a"))
    own = who.goto("/people")
    cluster.ok("apply", "-n", "team-a", "-f", "-", stdin=a_manifest("small", cores="0.5"))
    for seen in (card, own.get_by_role("listitem").filter(has_text="team-a")):
        expect(seen.get_by_role("meter", name="cores")).to_have_attribute("aria-valuetext", "0.5 of 2")
        expect(seen.get_by_role("meter", name="VPSes")).to_have_attribute("aria-valuetext", "1 of 5")
    assert not overflows(own)

    page.get_by_role("button", name="Change quota quota of team-a").click()
    form = page.get_by_role("dialog", name="Quota quota of team-a")
    form.get_by_label("cores").fill("3")
    form.get_by_label("VPSes").fill("")
    form.get_by_role("button", name="Save").click()
    expect(card.get_by_role("meter", name="cores")).to_have_attribute("aria-valuetext", "0.5 of 3")
    stored = json.loads(cluster.ok("get", "resourcequota", "quota", "-n", "team-a", "-o", "json"))
    assert stored["spec"]["hard"] == {"requests.cpu": "3"}
    page.get_by_role("button", name="Delete quota quota of team-a").click()
    agree(page, "Delete the quota")
    expect(page.get_by_role("button", name="Set a quota for team-a")).to_be_visible()


def test_nobody_is_kept_out(visit: Callable[..., Visitor], cluster: Cluster) -> None:
    token = new_token(cluster, "--user", "root", "--role", "admin")
    for scheme in ("light", "dark"):
        one = visit(color_scheme=scheme)
        one.log_in(token)
        for path in ("tokens", "namespaces", "policies", "join", "you"):
            one.goto(f"/people/{path}").get_by_role("heading", name="People").wait_for()
            assert broken_rules(one.page) == [], path
            one.page.set_viewport_size({"width": 360, "height": 740})
            assert not overflows(one.page), path
        one.goto("/people").get_by_role("button", name="Create a token").click()
        one.page.get_by_role("dialog").wait_for()
        assert broken_rules(one.page) == []
        assert not overflows(one.page)
