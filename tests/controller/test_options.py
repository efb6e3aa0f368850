"""What `python -m kohakuriver.controller` takes."""

import pytest

from kohakuriver.controller import options
from kohakuriver.controller.__main__ import main
from kohakuriver.options import Address


def test_the_help_names_every_option_and_its_default(capsys):
    with pytest.raises(SystemExit):
        options.parse(["--help"])
    text = capsys.readouterr().out
    for word in (
        "--config",
        "--strategy",
        "--loss-timeout",
        "default: 10s",
        "default: 60s",
        "--metrics-listen",
    ):
        assert word in text


def test_durations_and_addresses_are_read():
    given = options.parse(["--loss-timeout", "500ms", "--metrics-listen", ":9102"])
    assert (given.limits.loss, given.metrics_listen) == (0.5, Address("127.0.0.1", 9102))


@pytest.mark.parametrize(
    "wrong", [["--tick", "soon"], ["--hold", "0"], ["--metrics-listen", "here"], ["--strategy", "x"]]
)
def test_a_wrong_value_is_refused_with_what_was_expected(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        options.parse(wrong)
    assert ended.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_a_missing_config_file_is_named(tmp_path, capsys):
    assert main(["--config", str(tmp_path / "none")]) == 2
    assert f"there is no config file at {tmp_path / 'none'}" in capsys.readouterr().err
