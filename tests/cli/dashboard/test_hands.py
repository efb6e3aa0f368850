"""What the keys do with a VPS: ask where something would be lost, change it, forward its ports."""

import pytest
from textual import events
from textual.widgets import Input

from kohakuriver.resources import kinds
from tests.cli.vps.objects import a_vps

pytestmark = pytest.mark.looptime  # Textual's pauses cost nothing

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMW9Z1UHxXmSxDzGpnMkNn8rQX8hCwqvyDkbkHLxPbGn ann@home"
VPSES = "/apis/kohakuriver.io/v1alpha1/namespaces/default/vpses"


async def run_state(shell, name: str = "dev") -> str:
    return str((await shell.get(kinds.VPS, name))["spec"]["runState"])


async def test_a_stop_is_asked_about_first(shell, watcher) -> None:
    await shell.put(kinds.VPS, a_vps("dev"))
    async with watcher() as one:
        await one.sees("● running")
        await one.press("s")
        await one.sees("Stop dev?")
        await one.press("enter")  # the safe answer has the focus
        await one.until(lambda: len(one.app.screen_stack) == 1)
        assert await run_state(shell) == "Running"
        await one.press("s")
        await one.answer("Stop")
        await one.until(lambda: "dev will be stopped" in one.notes())
        assert await run_state(shell) == "Stopped"


async def test_a_deletion_is_asked_about_first(shell, watcher) -> None:
    await shell.put(kinds.VPS, a_vps("dev"))
    async with watcher() as one:
        await one.sees("● running")
        await one.press("x")
        await one.sees("Delete dev, with all of its files?")
        await one.press("escape")
        await one.until(lambda: len(one.app.screen_stack) == 1)
        await one.press("delete")
        await one.answer("Delete")
        await one.until(lambda: "dev is being deleted" in one.notes())
        await one.sees_no("● running")


async def test_a_vps_is_added_and_what_is_refused_is_asked_again(
    shell, watcher, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with watcher() as one:
        await one.sees("no VPSes")
        await one.press("a")
        await one.sees("New VPS in default", "one is made up")
        for key in "LAB":
            one.app.post_message(events.Key(key, key))
        one.app.post_message(events.Key("down", None))
        for key, char in (("0", "0"), ("full_stop", "."), ("5", "5")):
            one.app.post_message(events.Key(key, char))
        await one.until(lambda: one.app.screen.query_one("#cores", Input).value == "0.5")
        await one.press("enter")
        await one.until(lambda: "LAB" in one.notes())
        await one.sees("New VPS in default", "LAB", "0.5")
        one.app.screen.query_one("#name", Input).value = "lab"
        await one.press("enter")
        await one.until(lambda: "lab is created in default; its key is " in one.notes())
        await one.sees("lab", "0.5 cores")
        assert (tmp_path / ".ssh/kohakuriver_vps_lab").exists(), "who has no key is given one"
        (tmp_path / ".ssh/id_ed25519.pub").write_text(KEY)
        await one.press("a")
        await one.sees("New VPS in default")
        await one.type("own")
        await one.press("enter")
        await one.until(lambda: "own is created in default" in one.notes())
        assert (await shell.get(kinds.VPS, "own"))["spec"]["ssh"]["authorizedKeys"] == [KEY]
        await one.press("a", "escape")
        await one.until(lambda: len(one.app.screen_stack) == 1)


@pytest.mark.parametrize(
    ("key", "before", "after", "said"),
    [
        ("t", "Stopped", "Running", "dev will be started"),
        ("p", "Running", "Paused", "dev will be paused"),
        ("u", "Paused", "Running", "dev will be resumed"),
        ("r", "Running", "Running", "dev will be restarted"),
    ],
)
async def test_what_loses_nothing_is_done_at_once(shell, watcher, key, before, after, said) -> None:
    await shell.put(kinds.VPS, a_vps("dev", before.lower(), run_state=before))
    async with watcher() as one:
        await one.sees("dev")
        await one.press(key)
        await one.until(lambda: said in one.notes())
        assert await run_state(shell) == after
        assert bool((await shell.get(kinds.VPS, "dev"))["spec"].get("restartRequest")) is (key == "r")


async def test_what_makes_no_sense_is_told_with_what_does(shell, watcher) -> None:
    await shell.put(kinds.VPS, a_vps("dev", "stopped", run_state="Stopped"))
    async with watcher() as one:
        await one.sees("stopped")
        await one.press("p")
        await one.until(lambda: "it is stopped, so there is nothing to pause" in one.notes())
        assert "kohakuriver vps start dev" in one.notes() and one.app.is_running


async def test_what_one_may_not_do_is_told(shell, watcher) -> None:
    await shell.put(kinds.VPS, a_vps("dev"))
    async with watcher(user="viewer") as one:
        await one.sees("● running")
        await one.press("r")
        await one.until(lambda: "forbidden" in one.notes())
        assert one.app.is_running


async def test_keys_without_a_vps_do_nothing(watcher) -> None:
    async with watcher() as one:
        await one.sees("no VPSes")
        await one.press("s", "x", "c", "l", "f", "d")
        assert len(one.app.screen_stack) == 1


async def test_a_port_is_forwarded_listed_and_ended(shell, watcher) -> None:
    await shell.put(kinds.VPS, a_vps("dev"))
    async with watcher() as one:
        await one.sees("● running")
        await one.press("f")
        await one.sees("Which port of dev?")
        await one.type("no")
        await one.press("enter")
        await one.until(lambda: 'invalid port "no"' in one.notes())
        await one.press("f")
        await one.sees("Which port of dev?")
        one.app.screen.query_one("Input").value = ":8888"
        await one.press("enter")
        await one.sees("1 forwarded")
        (forward,) = one.app.hands.forwards.open
        assert f"dev:8888 is at {forward.url}" in one.notes() and forward.url.startswith("http://127.0.0.1:")
        await one.press("F")
        await one.sees("Forwarded ports", f"dev:8888  {forward.url}")
        await one.press("x")
        await one.sees("none: f forwards a port")
        await one.press("escape")
        await one.sees_no("1 forwarded")


async def test_logs_that_cannot_be_had_say_why(shell, watcher) -> None:
    await shell.put(kinds.VPS, a_vps("dev"))
    async with watcher() as one:
        await one.sees("● running")
        await one.press("l")
        await one.sees("logs of dev", "— ")
        await one.press("escape")
        assert len(one.app.screen_stack) == 1
