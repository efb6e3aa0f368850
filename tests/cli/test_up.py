"""What `up` refuses before it keeps or starts anything."""

import pytest

from kohakuriver.cli.main import run


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cores", "abc"], '--cores: "abc" is not a quantity'),
        (["--ssh-address", "nowhere"], "--ssh-address: 'nowhere' does not appear to be an IPv4"),
        (["--ssh-port-range", "bogus"], '--ssh-port-range: "bogus" is not a range of ports'),
        (["--ssh-port-range", "5-2"], "--ssh-port-range: the first port is above the last"),
        (["--node", "Bad_Name"], '--node: "Bad_Name" is not a node name'),
    ],
)
def test_an_option_that_makes_no_sense_is_told_and_nothing_is_kept(
    options, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "cluster"
    for _ in range(2):  # the folder is no reason to refuse the second time
        assert run(["up", "--data-dir", str(folder), "--detach", *options]) == 2
        assert f"error: {said}" in capsys.readouterr().err
    assert sorted(one.name for one in folder.iterdir()) == ["lock", "logs"]


def test_a_default_quota_that_no_server_would_take_is_told_before_anything_is_made(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "cluster"
    assert run(["up", "--data-dir", str(folder), "--default-quota", "pods=5"]) == 2
    assert (
        'error: --default-quota: invalid default quota "pods=5": use count/vpses' in capsys.readouterr().err
    )
    assert not folder.exists()
