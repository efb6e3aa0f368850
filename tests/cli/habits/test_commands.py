"""Words of docker, incus and kubectl, and words in another order, each led to a command that there is."""

import shlex

import pytest

from kohakuriver.cli.framework import catalogue
from kohakuriver.cli.framework.habits import brought, commands
from kohakuriver.cli.main import run

GROUPS = [one.name for one in catalogue.ENTRIES if one.is_group]


def exists(words: tuple[str, ...]) -> bool:
    """Whether a command line begins with a command."""
    entry = catalogue.find(words[0])
    if entry is None or not entry.is_group:
        return entry is not None
    return len(words) > 1 and catalogue.find(words[1], entry.commands) is not None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("stop lab", "vps stop lab"),
        ("start lab --no-wait", "vps start lab --no-wait"),
        ("restart lab", "vps restart lab"),
        ("pause lab", "vps pause lab"),
        ("resume lab", "vps resume lab"),
        ("create --cores 2", "vps create --cores 2"),
        ("list", "vps list"),
        ("list --all", "vps list --all"),
        ("status lab", "vps status lab"),
        ("ls", "vps list"),
        ("ps -a", "vps list -a"),
        ("ssh lab", "vps connect lab"),
        ("rm -f lab", "vps delete --force lab"),
        ("inspect lab", "describe vps lab"),
        ("run -it --rm --name lab -e A=b debian:12 bash", "vps create --name lab -e A=b --image debian:12"),
        (
            "run -d --name site -v pages:/srv --cpus 0.5 -m 256M my-image sleep 9",
            "vps create --name site --volume pages:/srv --cores 0.5 -m 256M --image my-image",
        ),
        ("run -d debian", "vps create --image debian"),
        ("run -p 8080:80 --restart always -e A=b debian", "vps create -e A=b --image debian"),
        ("run -p8080:80 -P --publish=1:2 --restart=no debian", "vps create --image debian"),
        ("launch images:debian/12 lab", "vps create --image debian:12 lab"),
        ("launch images:alpine/3.20/cloud lab", "vps create --image alpine:3.20 lab"),
        ("launch debian:12 lab", "vps create --image debian:12 lab"),
        ("file push README.md lab:/root/", "cp README.md lab:/root/"),
        ("file pull lab:/etc/hosts .", "cp lab:/etc/hosts ."),
        ("vps exec lab ls -la", "exec lab -- ls -la"),
        ("shell lab", "connect lab"),
        ("attach lab", "connect lab"),
        ("images", "env list"),
        ("nodes", "node list"),
        ("info", "node list"),
        ("info lab", "vps status lab"),
        ("cordon n1", "node cordon n1"),
        ("drain n1", "node drain n1"),
        ("load x.tar", "env load x.tar"),
        ("revoke x", "node revoke x|token revoke x"),
        ("use-context prod", "config use-context prod"),
        ("build", "image build"),
        ("port-forward lab 80", "forward lab 80"),
        ("vps ls", "vps list"),
        ("vps rm lab", "vps delete lab"),
        ("vps ssh lab", "vps connect lab"),
        ("vps exec lab -- ls -l", "exec lab -- ls -l"),
        ("vps logs lab -f", "logs lab -f"),
        ("vps describe lab", "describe vps lab"),
        ("vps cp a lab:b", "cp a lab:b"),
        ("copy a lab:b", "cp a lab:b"),
        ("copy lab lab2", "vps fork lab lab2"),
        ("copy lab/snap0 lab2", "vps fork lab/snap0 lab2"),
        ("clone lab", "vps fork lab"),
        ("clone lab --name lab2", "vps fork lab lab2"),
        ("vps clone lab lab2", "vps fork lab lab2"),
        ("snapshot lab", "vps snapshot lab"),
        ("snapshot create lab snap0", "vps snapshot lab --name snap0"),
        ("snapshot lab --name before", "vps snapshot lab --name before"),
        ("snapshot list lab", "vps snapshots lab"),
        ("snapshot restore lab snap0", "vps restore lab snap0"),
        ("snapshot delete lab snap0", "delete snapshot snap0"),
        ("snapshot delete snap0", "delete snapshot snap0"),
        ("snapshots lab", "vps snapshots lab"),
        ("snapshot lab@before", "vps snapshot lab@before"),
        ("rollback lab@before", "vps restore lab@before"),
        ("restore lab snap0", "vps restore lab snap0"),
        ("vps rollback lab", "vps restore lab"),
        ("fork lab", "vps fork lab"),
        ("undo lab", "vps restore lab --undo"),
        ("commit lab team/lab:1", "vps snapshot lab|env create lab --from lab"),
        ("vps commit lab", "vps snapshot lab|env create NAME --from lab"),
        ("vps forward lab 80", "forward lab 80"),
        ("vps top lab", "top vps lab"),
        ("vps events lab", "events lab"),
        ("vps edit lab", "edit vps lab"),
        ("vps get lab", "get vps lab"),
        ("vps get", "vps list"),
        ("vps drain n1", "node drain n1"),
        ("vps shell lab", "connect lab"),
        ("node describe n1", "describe node n1"),
        ("node ls", "node list"),
        ("node rm n1", "node forget n1"),
        ("node top", "top nodes"),
        ("node events n1", "events node n1"),
        ("node add", "node join"),
        ("env rm x", "env delete x"),
        ("token delete x", "token revoke x"),
        ("config ls", "config get-contexts"),
        ("config show", "config view"),
        ("top lab", "top vps lab"),
        ("top node", "top nodes"),
        ("top pods", "top vps"),
        ("gett vps", "get vps"),
        ("vps lst", "vps list"),
        ("strat lab", "vps start lab|vps status lab"),
        ("stoop lab", "vps stop lab"),
        ("nonsense lab", ""),
        ("node exec n1", ""),
    ],
)
def test_a_word_that_is_no_command_is_led_to_one(typed, meant):
    group, word, rest = split(typed)

    found = commands.meant(group, word, rest)

    assert "|".join(" ".join(line) for line in found.lines) == meant
    assert not found.is_order


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("vps lab stop", "vps stop lab"),
        ("lab vps stop", "vps stop lab"),
        ("lab stop --no-wait", "vps stop lab --no-wait"),
        ("lab exec -- ls", "exec lab -- ls"),
        ("lab connect --ide", "connect lab --ide"),
        ("lab forward 8888", "forward lab 8888"),
        ("lab describe", "describe vps lab"),
        ("lab rm", "vps delete lab"),
        ("vps lab ls", "vps list lab"),
        ("vps lab logs", "logs lab"),
        ("node n1 drain", "node drain n1"),
        ("n1 node drain", "node drain n1"),
    ],
)
def test_a_name_before_its_command_is_told_to_change_places(typed, meant):
    found = commands.meant(*split(typed))

    assert [" ".join(line) for line in found.lines] == [meant]
    assert found.is_order


def split(typed: str) -> tuple[str, str, list[str]]:
    """The group, the word that is no command, and what follows."""
    first, *rest = shlex.split(typed)
    return (first, rest[0], rest[1:]) if first in GROUPS else ("", first, rest)


@pytest.mark.parametrize("word", sorted({*brought.ANYWHERE, *brought.ALONE, *brought.VERBS}))
@pytest.mark.parametrize("group", ["", *GROUPS])
@pytest.mark.parametrize("rest", [[], ["lab"]], ids=["alone", "named"])
def test_every_suggestion_is_a_command_that_there_is(group, word, rest):
    lines = commands.meant(group, word, rest).lines
    assert all(exists(line) for line in lines), lines


@pytest.mark.parametrize("word", sorted({*brought.ANYWHERE, *brought.ALONE}))
def test_no_word_of_another_tool_hides_a_command(word):
    assert catalogue.find(word) is None
    assert commands.meant("", word, ["lab"]).lines


@pytest.mark.parametrize("group", brought.KINDS)
def test_whatever_stands_at_the_top_is_found_from_within_a_group(group):
    inside = {one.name for one in next(one for one in catalogue.ENTRIES if one.name == group).commands}
    for name in {one.name for one in catalogue.ENTRIES} - inside:
        assert all(exists(line) for line in commands.meant(group, name, ["x"]).lines)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stop", "a b"], "there is no command \"stop\"; did you mean: kohakuriver vps stop 'a b'\n"),
        (["vps", "lab", "stop"], "the command comes before the name: kohakuriver vps stop lab\n"),
        (["lab", "vps", "stop"], "the command comes before the name: kohakuriver vps stop lab\n"),
        (
            ["-n", "team", "vps", "ls", "-l", "a=b"],
            'no command "vps ls"; did you mean: kohakuriver --namespace team vps list -l a=b\n',
        ),
        (["-n", "prod", "rm", "lab"], "did you mean: kohakuriver --namespace prod vps delete lab\n"),
        (["vps", "-n", "prod", "rm", "lab"], "did you mean: kohakuriver --namespace prod vps delete lab\n"),
        (["vps", "exec", "lab", "--", "ls"], "did you mean: kohakuriver exec lab -- ls\n"),
        (["nonsense"], 'there is no command "nonsense"\nhint: list the commands: kohakuriver --help\n'),
        (["vps", "nonsense"], "hint: list the commands: kohakuriver vps --help\n"),
    ],
)
def test_what_is_meant_is_printed_as_it_is_typed(words, said, capsys):
    assert run(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("8888 lab", "the VPS comes first: kohakuriver forward lab 8888"),
        ("3000:80 lab 8888", "the VPS comes first: kohakuriver forward lab 3000:80 8888"),
        ("8888", "the VPS is missing: kohakuriver forward NAME 8888"),
        ("lab", "the port is missing: kohakuriver forward lab PORT"),
        ("", "the VPS and the port are missing: kohakuriver forward NAME PORT"),
    ],
)
def test_a_port_before_its_vps_is_told_to_change_places(words, said, capsys):
    assert run(["forward", *words.split()]) == 2
    assert said in capsys.readouterr().err


def test_what_is_left_out_of_a_line_is_told_once_with_the_reason():
    aside = commands.meant("", "run", ["-p", "1:1", "--publish=2:2", "--restart", "no", "debian"]).aside

    assert aside == (
        "left out: -p, since ports are forwarded afterwards: kohakuriver forward NAME PORT; "
        "--restart, since a VPS starts again by itself"
    )
    assert commands.meant("", "run", ["-e", "A=b", "debian"]).aside == ""
