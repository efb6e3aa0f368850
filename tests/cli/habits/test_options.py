"""Options of docker and kubectl: understood, or answered by what is done here."""

import pytest

from kohakuriver.cli.completing.candidates import options_of
from kohakuriver.cli.framework import catalogue
from kohakuriver.cli.framework.application import load
from kohakuriver.cli.framework.habits import options
from kohakuriver.cli.framework.habits.switches import spelled_out
from kohakuriver.cli.main import run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-p 8080:80", "ports need no mapping: kohakuriver forward NAME 80 --local-port 8080"),
        ("-p8080:80", "ports need no mapping: kohakuriver forward NAME 80 --local-port 8080"),
        ("--publish=80", "ports need no mapping: kohakuriver forward NAME 80\n"),
        ("-p 127.0.0.1:53:53/udp", "ports need no mapping: kohakuriver forward NAME 53 --udp\n"),
        ("-P", "ports need no mapping: kohakuriver forward NAME PORT\n"),
        ("lab -it", "a terminal is opened afterwards, kohakuriver connect NAME: leave -i out"),
        ("-d lab", "with nobody watching: leave -d out"),
        ("--rm lab", "until somebody deletes it: kohakuriver vps delete NAME"),
        ("--restart always lab", "leave --restart out"),
        ("--cpus 2 lab", "cores are asked for by --cores 2"),
        ("--node n1", "the node is asked for by --target n1"),
        ("-f dev.yaml", "kohakuriver apply -f dev.yaml"),
        ("--network host", "leave --network out"),
        ("--entrypoint sh", "kohakuriver explain vps.spec.command"),
        ("--bogus", "no such option: --bogus"),
    ],
)
def test_an_option_of_docker_run_is_answered(words, said, capsys):
    assert run(["vps", "create", *words.split()]) == 2
    assert said in capsys.readouterr().err


def test_what_an_earlier_container_said_is_told_to_be_gone(capsys):
    for option in ("--previous", "-p"):
        assert run(["logs", "lab", option]) == 2
        assert "restarts keep the container, so its log goes on: kohakuriver logs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("group", "name", "answers"), [("vps", "create", options.CREATE), ("", "logs", options.LOGS)]
)
def test_no_answer_hides_an_option(group, name, answers):
    entries = catalogue.find(group).commands if group else catalogue.ENTRIES
    entry = catalogue.find(name, entries)
    assert load(entry).answers is answers
    assert not set(answers) & set(options_of(entry))


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("--wait=false lab", "--no-wait lab"),
        ("--wait=true", "--wait"),
        ("--force=True", "--force"),
        ("--force=false lab", "lab"),
        ("--timeout=false", "--timeout=false"),
        ("--wait=perhaps", "--wait=perhaps"),
        ("-- --wait=false", "-- --wait=false"),
    ],
)
def test_a_switch_takes_a_value_as_kubectls_do(words, meant):
    entry = catalogue.find("delete", catalogue.find("vps").commands)
    assert spelled_out(words.split(), load(entry).params) == meant.split()


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ("exec -- ls -l", "kohakuriver exec NAME -- ls -l"),
        ("exec -i -- cat", "kohakuriver exec -i NAME -- cat"),
        ("vps connect -- nvidia-smi", "kohakuriver vps connect NAME -- nvidia-smi"),
    ],
)
def test_what_follows_two_dashes_is_not_the_vps(words, whole, capsys):
    assert run(words.split()) == 2
    assert f"error: the VPS is missing: {whole}\n" in capsys.readouterr().err
