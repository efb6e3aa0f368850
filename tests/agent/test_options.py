"""The command line."""

import io
from pathlib import Path

import pytest

from kohakuriver.agent import options
from kohakuriver.agent.deciding.unused import Marks
from kohakuriver.agent.settings import Settings, SSHPublishing
from kohakuriver.agent_options import CredentialsFor
from kohakuriver.client import config
from kohakuriver.placement.mounts import AllowedMount


def run(*arguments: str) -> Settings:
    found = options.parse(arguments)
    assert isinstance(found, Settings)
    return found


def test_the_defaults_are_those_of_the_design() -> None:
    found = run("--node", "n1")
    assert found.ssh == SSHPublishing("127.0.0.1", 30000, 31999)
    assert (found.relist, found.renew, found.reserve_memory, found.reserve_millicores) == (10, 3, 0.05, 0)
    assert found.millicores is None and found.memory is None and not found.accept_engine


def test_quantities_and_durations_are_written_as_everywhere() -> None:
    found = run(
        "--cores", "1500m", "--memory", "2Gi", "--reserve-memory", "10%", "--relist", "2s", "--renew", "500ms"
    )
    assert (found.millicores, found.memory, found.reserve_memory) == (1500, 2 << 30, 0.1)
    assert (found.relist, found.renew) == (2.0, 0.5)


def test_the_disk_of_each_vps_is_a_size_a_share_or_unlimited() -> None:
    assert run().default_disk is None
    assert run("--default-disk", "20Gi").default_disk == 20 << 30
    assert run("--default-disk", "25%").default_disk == 0.25
    assert run("--default-disk", "off").default_disk == 0


def test_cores_are_given_four_times_unless_it_is_said() -> None:
    assert run().cpu_overcommit == 4000
    assert run("--cpu-overcommit", "1").cpu_overcommit == 1000
    assert run("--cpu-overcommit", "1.5").cpu_overcommit == 1500


def test_images_go_between_two_marks() -> None:
    assert run().image_marks == Marks(high=0.85, low=0.80)
    assert run("--image-gc-high", "100%", "--image-gc-low", "70%").image_marks == Marks(high=1.0, low=0.7)


def test_ssh_can_be_off() -> None:
    assert run("--ssh-address", "off").ssh is None


def test_the_home_directory_is_resolved() -> None:
    assert run("--data-dir", "~/x").data_dir == Path.home() / "x"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ssh-port-range", "31999-30000"], "first port is above the last"),
        (["--ssh-port-range", "many"], "write 30000-31999"),
        (["--cores", "4x"], 'invalid quantity "4x"'),
        (["--cores", "5000"], "5000 cores: a node has more than 0 and at most 4096"),
        (["--cpu-overcommit", "0.5"], 'invalid ratio "0.5": use a number from 1 to 64, such as 4 or 1.5'),
        (["--relist", "0s"], 'invalid duration "0s"'),
        (["--reserve-memory", "100%"], "invalid share of the memory"),
        (["--reserve-memory", "abc%"], 'invalid share of the memory "abc%": write 5%'),
        (["--default-disk", "1Mi"], "at least 64Mi is needed, such as 10Gi; or write off"),
        (["--default-disk", "half"], "half"),
        (["--default-disk", "x%"], "write 85%"),
        (["--image-gc-high", "0.9"], "write 85%"),
        (["--image-gc-high", "70%"], "--image-gc-low: it must be below --image-gc-high"),
        (["--docker-host", "tcp://elsewhere"], "invalid unix socket"),
        (["--metrics-listen", "9102x"], "write 127.0.0.1:9102"),
        (["--node", "N 1"], "invalid node name"),
        (["purge", "--cluster", "short"], "at least 8 characters"),
    ],
)
def test_a_wrong_option_says_what_is_expected(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        options.parse(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_help_names_every_option_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse(["--help"])
    said = capsys.readouterr().out
    for option in (
        "--config",
        "--node",
        "--data-dir",
        "--docker-host",
        "--ssh-address",
        "--relist",
        "--renew",
    ):
        assert option in said
    assert said.count("default:") >= 10


def test_what_vpses_may_have_of_the_machine_is_off_unless_it_is_said() -> None:
    found = run("--allow-mount", "/data", "--allow-mount", "/scratch:ro", "--allow-privileged")
    assert found.allow_mounts == (AllowedMount("/data"), AllowedMount("/scratch", read_only=True))
    assert found.allow_privileged
    found = run("--allow-capability", "SYS_PTRACE", "--allow-capability", "NET_RAW")
    assert found.allow_capabilities == ("NET_RAW", "SYS_PTRACE") and run().allow_capabilities == ()
    assert (run().allow_mounts, run().allow_privileged, run().gpu_inventory) == ((), False, None)


def test_vpses_see_their_own_limits_unless_that_is_turned_off() -> None:
    assert run().lxcfs
    assert not run("--lxcfs", "off").lxcfs


@pytest.mark.parametrize(
    ("name", "says"), [("cap_net_raw", "write NET_RAW"), ("NET_RAV", "did you mean NET_RAW?")]
)
def test_a_capability_is_written_as_docker_does(
    name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        options.parse(["--allow-capability", name])
    assert says in capsys.readouterr().err


def test_a_registry_gets_this_machines_credentials_for_environments_unless_it_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run().registry_credentials_for is CredentialsFor.ENVIRONMENTS
    assert run("--registry-credentials-for", "all").registry_credentials_for is CredentialsFor.ALL
    with pytest.raises(SystemExit):
        options.parse(["--registry-credentials-for", "some"])
    assert "choose from 'environments', 'all'" in capsys.readouterr().err


@pytest.mark.parametrize("prefix", ["data", "/data/../etc", "//data", "/data/"])
def test_a_prefix_is_written_in_one_way(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse(["--allow-mount", prefix])
    assert "absolute path" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--tok", "s3cret"], ["--to=s3cret"]])
def test_an_abbreviation_is_refused_since_a_token_would_stay_on_the_command_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--join", "https://c1:6443", "--token", "t", *words)
    assert ended.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err


def test_a_join_token_may_come_by_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cret\n"))
    found = run("--join", "https://c1:6443", "--token", "-")
    assert found.join is not None and found.join.token == "s3cret"
    assert "s3cret" not in f"{found!r} {found.join!r}"


def test_a_join_token_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(config.JOIN_TOKEN, "of-the-environment")
    found = run("--join", "https://c1:6443")
    assert found.join is not None and found.join.token == "of-the-environment"
    found = run("--join", "https://c1:6443", "--token", "typed")
    assert found.join is not None and found.join.token == "typed"
