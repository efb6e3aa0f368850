"""Bad input gets file, line, field and what was expected; nothing of that document is applied."""

import pytest

from tests.e2e.conftest import Cluster, a_manifest

pytestmark = pytest.mark.fault(43)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize(
    ("wrong", "field", "expected"),
    [
        (a_manifest("bad", more="  imge: x\n"), "spec.imge", "image"),
        (a_manifest("bad", cores="4x"), "spec.resources.cores", "quantity"),
        (a_manifest("bad", memory="0"), "spec.resources.memory", "512Mi"),
        (a_manifest("bad", more="  priority: high\n"), "spec.priority", "integer"),
        (a_manifest("bad", more="  runState: runing\n"), "spec.runState", "Running"),
    ],
    ids=["unknown field", "wrong suffix", "zero memory", "wrong type", "unknown word"],
)
def test_a_wrong_field_is_told_with_its_line_and_what_was_expected(
    cluster: Cluster, tmp_path, wrong, field, expected
):
    file = tmp_path / "bad.yaml"
    file.write_text(wrong)
    refused = cluster.cli("apply", "-f", file)
    assert refused.code == 1
    leaf = field.rsplit(".", 1)[-1]
    assert f"{file}:{line_of(wrong, leaf + ':')}" in refused.err
    assert field in refused.err
    assert expected in refused.err
    assert "Traceback" not in refused.text
    assert cluster.cli("get", "vps", "bad").code == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"kind: VPS\n\tname: x\n", "tab"),
        (b"", "empty"),
        (b"{not yaml", "YAML"),
        (b"\x7fELF\x00\x01\x02\xff", "text"),
        (b"kind: VPSS\napiVersion: kohakuriver.io/v1alpha1\nmetadata: {name: x}\n", "VPS"),
        (b"kind: VPS\napiVersion: kohakuriver.io/v1alpha1\nspec: {}\n", "metadata.name"),
    ],
    ids=["tab", "empty file", "not YAML", "binary", "unknown kind", "no name"],
)
def test_a_file_that_is_no_manifest_is_refused_by_name(cluster: Cluster, tmp_path, content, told):
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    refused = cluster.cli("apply", "-f", file)
    assert refused.code == 1
    assert str(file) in refused.err
    assert told in refused.err
    assert "Traceback" not in refused.text


def test_the_other_documents_of_a_file_are_applied_and_told_one_by_one(cluster: Cluster, tmp_path):
    file = tmp_path / "three.yaml"
    file.write_text("---\n".join([a_manifest("good-1"), a_manifest("bad", cores="4x"), a_manifest("good-2")]))
    result = cluster.cli("apply", "-f", file)
    assert result.code == 1
    assert "vps/good-1 created" in result.out
    assert "vps/good-2 created" in result.out
    assert "spec.resources.cores" in result.err
    assert cluster.cli("get", "vps", "bad").code == 1
    cluster.ok("delete", "vps", "good-1", "good-2")


def test_one_name_twice_in_a_file_applies_neither(cluster: Cluster, tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text(
        "---\n".join([a_manifest("twice"), a_manifest("twice", memory="80Mi"), a_manifest("once")])
    )
    result = cluster.cli("apply", "-f", file)
    assert result.code == 1
    assert "twice" in result.err
    assert cluster.cli("get", "vps", "twice").code == 1
    assert "vps/once created" in result.out
    cluster.ok("delete", "vps", "once")


@pytest.mark.fault(44)
def test_a_field_that_cannot_change_is_refused_with_the_way_to_replace_it(cluster: Cluster):
    cluster.apply(a_manifest("fixed"))
    cluster.wait_running("fixed")
    refused = cluster.cli(
        "apply", "-f", "-", stdin=a_manifest("fixed", more="  placement: {node: elsewhere}\n")
    )
    assert refused.code == 1
    assert "spec.placement" in refused.err
    assert "delete" in refused.err
    assert cluster.phase("fixed") == "running"
    cluster.ok("delete", "vps", "fixed")
