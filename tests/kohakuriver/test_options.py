"""Options that are declared once."""

import argparse
import dataclasses

import pytest

from kohakuriver import options
from kohakuriver.options import Address, Group, option

TIMES = Group("times")
ONE_OF = Group("one of these", exclusive=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    name: str = option("--name NAME", help="who")
    pause: float = option("--pause", default=3.0, read=options.duration, group=TIMES, help="how long")
    loud: bool = option("-l", "--loud", default=False, group=ONE_OF, help="shout")
    quiet: bool = option("--quiet", default=False, group=ONE_OF, help="whisper")
    shown: bool = option(
        "--shown", default=True, read=lambda text: text == "auto", choices=("auto", "off"), help="whether"
    )
    folders: tuple[str, ...] = option("--folder", default=(), gathered=tuple, help="may be repeated")
    secret: bool = option("--secret-check", default=False, help="")
    beside: int = 7  # no option


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="p", allow_abbrev=False)
    options.add(made, Given)
    return made


def read(*words: str) -> Given:
    return options.read(parser(), Given, words)


def test_the_dataclass_has_the_defaults_and_what_is_typed_is_laid_over_them() -> None:
    assert read("--name", "a") == Given(name="a")
    typed = ("--name", "a", "--pause", "2m", "-l", "--shown", "off", "--folder", "/a", "--folder", "/b")
    assert read(*typed) == Given(name="a", pause=120.0, loud=True, shown=False, folders=("/a", "/b"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: --name"),
        (["--name", "a", "--pause", "0"], 'argument --pause: invalid duration "0": use more than 0'),
        (["--name", "a", "--loud", "--quiet"], "not allowed with argument"),
        (["--name", "a", "--shown", "x"], "choose from 'auto', 'off'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        read(*words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_help_has_the_groups_in_order_and_nothing_that_is_hidden() -> None:
    text = parser().format_help()
    assert text.index("times:") < text.index("one of these:")
    assert "[-l | --quiet]" in text and "{auto,off}" in text and "--secret-check" not in text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9102", Address("127.0.0.1", 9102)),
        ("[::1]:1", Address("::1", 1)),
        (":9102", Address("127.0.0.1", 9102)),
        ("9102", Address("127.0.0.1", 9102)),
    ],
)
def test_metrics_go_to_loopback_where_no_host_is_written(text: str, address: Address) -> None:
    assert options.metrics_address(text) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize("text", ["", "here", "a:65536", "a:-1", "a:²", ":6443"])
def test_an_address_is_a_host_and_a_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"write 127\.0\.0\.1:6443"):
        Address.parse(text)
