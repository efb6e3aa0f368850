"""The command lines that are read without typer: the same lines, the same values, the same calls."""

import ast
import functools
import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kohakuriver.cli import main
from kohakuriver.cli.framework import application, catalogue, declared, front, global_options, reading
from kohakuriver.cli.main import run
from kohakuriver.client import config
from kohakuriver.client.config import Connection

_HEAVY = (
    "typer",
    "kohakuriver.cli.framework.application",
    "pydantic",
    "tempfile",
    "aiohttp",
    "rich",
    "yaml",
    "difflib",
    "dataclasses",
    "signal",
    "inspect",
    "http.client",
    "pathlib",
    "urllib.parse",
    "email",
)

_PATHS = {"pathlib", "urllib.parse"}
_ALLOWED = {
    "exec": {"inspect", "signal", *_PATHS},  # asyncio's
    "ssh-proxy": {"inspect", "signal", *_PATHS},
    "vps status": _PATHS,
}
PROJECT = Path(__file__).parents[2]


def quick() -> dict[str, catalogue.Entry]:
    """The commands that say they are read here, by their paths."""
    alone = {one.name: one for one in catalogue.ENTRIES if one.quick}
    inside = {
        f"{group.name} {one.name}": one for group in catalogue.ENTRIES for one in group.commands if one.quick
    }
    return {**alone, **inside}


def function_of(entry: catalogue.Entry) -> Any:
    return getattr(importlib.import_module(entry.path), entry.function or entry.name)


@pytest.mark.parametrize(
    "line",
    [
        "exec dev -- ls", "exec dev -- sh -c x -it", "exec dev -i -- cat", "exec vps/dev -- ls",
        "exec -n lab dev -- ls", "exec dev -n lab -t -- sh", "-n lab exec dev -- ls", "exec dev -- --",
        "vps list", "vps list --all", "vps -n lab list", "vps list dev test -o wide",
        "vps list -A -l team=red -ojson", "get vps", "get vps,nodes -A",
        "get vps dev -o jsonpath={.status.phase}", "get vps -w",
        "--context=prod -v get vps --request-timeout 5s", "describe vps dev", "vps status dev",
        "node list --no-headers", "version", "version --client", "ssh-proxy dev.vps --uid 1 --no-pin",
        "--config a/b vps --config=c list",
    ],
)  # fmt: skip
def test_what_is_typed_often_is_read_here(line):
    assert reading.read(line.split()) is not None


@pytest.mark.parametrize(
    "line",
    [
        "exec", "exec dev", "exec dev --", "exec -- ls", "exec dev ls", "exec dev -it -- sh",
        "exec dev x -- ls", "exec dev -h -- ls", "exec --help -- ls", "vps", "vps list -h",
        "vps list --al", "vps list --all=true", "vps list --all --all", "vps list -n a -n b",
        "vps list -o", "vps list -o -x", "vps list -o=json", "vps create",
        "get vps --request-timeout soon", "get -- vps", "get vps -", "--version", "help get",
        "get vps -Aw", "ls", "", "--all vps list", "-n vps list", "up", "get vps --namespace=",
    ],
)  # fmt: skip
def test_everything_else_is_read_by_typer(line):
    assert reading.read(line.split()) is None


def test_an_empty_word_is_read_by_typer():
    assert reading.read(["get", ""]) is None
    assert reading.read(["vps", "list", "-n", ""]) is None


@pytest.mark.parametrize("path", quick())
def test_all_that_a_quick_command_takes_is_declared_so_that_it_can_be_read(path):
    for name, kind, one in declared.of(function_of(quick()[path])):
        assert one is not None, name
        assert declared.plain(kind) in (str, bool, list), name
        assert name not in global_options.OPTIONS
    for kind, one in map(declared.split, global_options.OPTIONS.values()):
        assert one is not None and declared.plain(kind).__name__ in ("str", "bool", "Path")


_VALUES = (
    "dev",
    "vps",
    "list",
    "status",
    "json",
    "a=b",
    "5s",
    "0",
    "soon",
    "-x",
    "--",
    "",
    "é",
    "a b",
    "get",
)


@st.composite
def lines(draw) -> list[str]:
    """A quick command with options of its own and others, before, between and behind its words."""
    path = draw(st.sampled_from(sorted(quick())))
    entry = quick()[path]
    words: list[str] = []
    for place in ("before", *path.split()):
        if place != "before":
            words.append(place)
        own = dict(global_options.OPTIONS)
        if place == path.split()[-1]:
            function = function_of(entry)
            own |= {name: function.__annotations__[name] for name, _, _ in declared.of(function)}
        for _ in range(draw(st.integers(0, 3 if place == path.split()[-1] else 1))):
            words += draw(pieces(own))
    if draw(st.booleans()) and path == "exec":
        words += ["--", *draw(st.lists(st.sampled_from(_VALUES), max_size=3))]
    return words


def pieces(own: dict[str, Any]) -> st.SearchStrategy[list[str]]:
    value = st.sampled_from(_VALUES)
    made: list[st.SearchStrategy[list[str]]] = [
        value.map(lambda word: [word]),
        value.map(lambda word: [word]),
    ]
    for kind, one in map(declared.split, own.values()):
        if not isinstance(one, declared.Option):
            continue
        for name in [part for spelling in one.names for part in spelling.split("/")]:
            if declared.plain(kind) is bool:
                made.append(st.just([name]))
                made.append(value.map(lambda word, name=name: [f"{name}{word}"]))
                continue
            made.append(value.map(lambda word, name=name: [name, word]))
            made.append(value.map(lambda word, name=name: [f"{name}={word}"]))
            made.append(value.map(lambda word, name=name: [f"{name}{word}"]))
    return st.one_of(made)


class Recorder:
    """Stands in for the function of a command, and notes what it is called with."""

    def __init__(self, entry: catalogue.Entry) -> None:
        self.called: list[tuple[Any, dict[str, Any]]] = []
        original = function_of(entry)
        self._defaults = {
            name: one.default
            for name, one in inspect.signature(original).parameters.items()
            if one.default is not inspect.Parameter.empty
        }

        @functools.wraps(original)
        def record(given: Any, **values: Any) -> int:
            self.called.append((given, self.whole(values)))
            return 0

        self.function = record

    def whole(self, values: dict[str, Any]) -> dict[str, Any]:
        """With what was not given; no words are as good as none."""
        return {
            name: value or None if value == [] else value
            for name, value in {**self._defaults, **values}.items()
        }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=lines())
def test_typer_reads_the_same_lines_to_the_same_calls(words, monkeypatch):
    line = reading.read(words)
    if line is None:
        return
    [entry] = [one for one in quick().values() if function_of(one) is line.function]
    recorder = Recorder(entry)
    module = importlib.import_module(entry.path)
    with monkeypatch.context() as patch:
        patch.setattr(module, entry.function or entry.name, recorder.function)
        assert main.by_typer(words) == 0
    [(given_settings, values)] = recorder.called
    assert given_settings.given == line.settings.given
    assert values == recorder.whole(line.values)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        (["vps", "list"], ["vps", "list", "--no-headers"]),
        (["exec", "dev", "--", "ls"], ["exec", "dev", "--request-timeout", "30s", "--", "ls"]),
    ],
)
def test_both_ways_end_alike(short, full, tmp_path, monkeypatch, capsys):
    file = tmp_path / "config"
    config.write(file, Connection("http://127.0.0.1:9", token="t"), cluster="c", user="u")
    monkeypatch.setenv(config.VARIABLE, str(file))
    code = run(short)
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert (run(full), capsys.readouterr()) == (code, said)


@pytest.mark.parametrize("path", quick())
def test_reading_a_quick_command_loads_nothing_that_is_slow_to_load(path, tmp_path):
    file = tmp_path / "config"
    config.write(file, Connection("http://127.0.0.1:9", token="t"), cluster="c", user="u")
    words = {"exec": "exec dev -- ls", "ssh-proxy": "ssh-proxy dev"}.get(path, path)
    asked = (
        "import sys; from kohakuriver.cli import main; from kohakuriver.cli.framework import reading; "
        f"line = reading.read({words.split()!r}); line.settings.connection(); "
        f"print([one for one in {list(_HEAVY)} if one in sys.modules])"
    )
    environment = {config.VARIABLE: str(file), "PYTHONPATH": str(PROJECT)}
    words = [sys.executable, "-PS", "-c", asked]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert set(ast.literal_eval(done.stdout)) <= _ALLOWED.get(path, set())


@pytest.mark.parametrize("path", quick())
def test_the_options_that_completion_offers_are_those_that_typer_has(path):
    entry = quick()[path]
    known = [one for one in application.load(entry).params if one.param_type_name == "option"]
    assert list(reading.options_of(entry)) == [
        ([*one.opts, *one.secondary_opts], not one.is_flag, one.help or "") for one in known
    ]


GROUPS = [one.name for one in catalogue.ENTRIES if one.is_group]


@pytest.mark.parametrize(
    "line",
    [
        *("", "-h", "--help", "help", "--version"),
        *(line.format(one) for one in GROUPS for line in ("{}", "{} --help", "{} -h", "help {}", "{} help")),
    ],
)
def test_a_page_of_help_is_the_one_that_typer_shows(line, capsys):
    page = front.page(line.split())
    assert page is not None
    assert main.by_typer(line.split()) == 0
    assert capsys.readouterr().out == page


@pytest.mark.parametrize(
    "line",
    [
        "get",
        "get --help",
        "help get",
        "vps list",
        "vps -h list",
        "--help --version",
        "-v",
        "nonsense",
        "help help",
    ],
)
def test_what_asks_for_more_than_a_page_of_help_is_no_page(line):
    assert front.page(line.split()) is None


def test_a_process_ends_with_the_code_of_its_command_and_all_that_it_had_to_say():
    words = [sys.executable, "-m", "kohakuriver.cli"]
    done = subprocess.run([*words, "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith('error: there is no command "nonsense"')
    done = subprocess.run([*words, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1][:11]) == (0, "Exit codes:")
