"""What `python -m kohakuriver.controller` takes."""

import pytest

from kohakuriver.controller.__main__ import main, parser


def test_the_help_names_every_option_and_its_default():
    text = parser().format_help()
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
    options = parser().parse_args(["--loss-timeout", "500ms", "--metrics-listen", ":9102"])
    assert (options.loss_timeout, options.metrics_listen) == (0.5, ("127.0.0.1", 9102))


@pytest.mark.parametrize(
    "wrong", [["--tick", "soon"], ["--hold", "0"], ["--metrics-listen", "here"], ["--strategy", "x"]]
)
def test_a_wrong_value_is_refused_with_what_was_expected(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(wrong)
    assert ended.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_a_missing_config_file_is_named(tmp_path, capsys):
    assert main(["--config", str(tmp_path / "none")]) == 2
    assert f"there is no config file at {tmp_path / 'none'}" in capsys.readouterr().err
