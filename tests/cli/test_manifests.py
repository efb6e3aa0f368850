"""Manifests: what is read, and what is wrong with the bad ones, by file, line and field."""

import io
import json
import sys
from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.cli.kubectl import manifests
from kohakuriver.cli.kubectl.manifests import Manifest, Problem

GOOD = """\
apiVersion: kohakuriver.io/v1alpha1
kind: VPS
metadata:
  name: dev
spec:
  resources:
    cores: 2
    memory: 4Gi
"""


BOMB = b"a0: &a0 [x]\n" + b"".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n".encode() for n in range(1, 12)
)


def read(tmp_path: Path, content: str | bytes, name: str = "dev.yaml") -> list[manifests.Read]:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return manifests.read([str(file)])


def only(found: list[manifests.Read], folder: Path) -> str:
    """The one problem, without the folder."""
    assert len(found) == 1
    assert isinstance(found[0], Problem)
    return str(found[0]).removeprefix(f"{folder}/")


def test_a_manifest_knows_its_object_and_the_line_of_each_field(tmp_path):
    (one,) = read(tmp_path, "# a comment\n---\n" + GOOD)
    assert isinstance(one, Manifest)
    assert one.title == "vps/dev"
    assert one.body["spec"]["resources"] == {"cores": 2, "memory": "4Gi"}
    assert str(one.problem("too many", field="spec.resources.cores")).endswith(
        "dev.yaml:9: spec.resources.cores: too many"
    )


def test_a_field_that_is_not_there_is_told_at_the_part_that_is(tmp_path):
    (one,) = read(tmp_path, GOOD)
    assert isinstance(one, Manifest)
    assert one.problem("needed", field="spec.resources.gpus.count").line == 6
    assert one.problem("needed", field="status.phase").line == 1


def test_items_of_lists_have_lines_too(tmp_path):
    (one,) = read(tmp_path, GOOD + "  ssh:\n    authorizedKeys:\n    - one\n    - two\n")
    assert isinstance(one, Manifest)
    assert one.problem("no key", field="spec.ssh.authorizedKeys[1]").line == 12


def test_several_documents_are_read_in_order(tmp_path):
    found = read(tmp_path, GOOD + "---\n# nothing here\n---\n" + GOOD.replace("dev", "test"))
    assert [one.title for one in found if isinstance(one, Manifest)] == ["vps/dev", "vps/test"]


def test_a_bad_document_leaves_the_others_readable(tmp_path):
    found = read(tmp_path, GOOD + "---\nkind: [\n---\n" + GOOD.replace("dev", "test"))
    assert [type(one) for one in found] == [Manifest, Problem, Manifest]


def test_json_is_read_with_tabs_and_all(tmp_path):
    body = {"apiVersion": "kohakuriver.io/v1alpha1", "kind": "VPS", "metadata": {"name": "dev"}}
    (one,) = read(tmp_path, json.dumps(body, indent="\t"), name="dev.json")
    assert isinstance(one, Manifest)
    assert one.problem("x", field="metadata.name").line == 5


def test_a_list_is_read_as_its_items(tmp_path):
    items = "".join("- " + GOOD.replace("dev", name).replace("\n", "\n  ").rstrip() + "\n" for name in "ab")
    found = read(tmp_path, f"apiVersion: v1\nkind: List\nitems:\n{items}")
    assert [one.title for one in found if isinstance(one, Manifest)] == ["vps/a", "vps/b"]
    assert found[1].line == 12


def test_a_folder_is_read_file_by_file_in_order(tmp_path):
    for name in ("b.yaml", "a.yml", "c.json", "notes.txt"):
        (tmp_path / name).write_text(GOOD.replace("dev", name[0]))
    found = manifests.read([str(tmp_path)])
    assert [one.title for one in found if isinstance(one, Manifest)] == ["vps/a", "vps/b", "vps/c"]


def test_standard_input_is_read(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    (one,) = manifests.read(["-"])
    assert isinstance(one, Manifest)
    assert str(one.problem("x", field="kind")) == "stdin:2: kind: x"


def test_values_are_those_that_kubectl_reads(tmp_path):
    env = "  env: {at: 2026-01-01, time: 1:30, yes: x, 8080: y}\n"
    (one,) = read(tmp_path, GOOD.replace("cores: 2", "cores: 1.0") + env)
    assert isinstance(one, Manifest)
    assert one.body["spec"]["env"] == {"at": "2026-01-01", "time": "1:30", "true": "x", "8080": "y"}
    assert json.dumps(one.body["spec"]["resources"]["cores"]) == "1"


@pytest.mark.fault(43)
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "dev.yaml:1: the file is empty; a manifest with apiVersion, kind and metadata was expected"),
        (b"# a comment\n---\n", "dev.yaml:1: the file is empty"),
        (b"kind: VPS\nspec:\n\tcores: 1\n", "dev.yaml:3: a tab indents this line; YAML wants spaces"),
        (b"kind: VPS\nspec: {\n", "dev.yaml:3: this is not YAML: "),
        (b"a: b: c\n", "dev.yaml:1: this is not YAML: "),
        (b"\x7fELF\x00\x01", "dev.yaml:1: this is a binary file; "),
        (b"kind: VPS\nmetadata: \xff\n", "dev.yaml:2: this is not UTF-8 text; "),
        (b"just text\n", "dev.yaml:1: this is not a manifest: "),
        (b"- a\n- b\n", "dev.yaml:1: this is not a manifest: "),
        (b"kind: VPS\n", "dev.yaml:1: apiVersion: it is missing; "),
        (b"apiVersion: v1\n", "dev.yaml:1: kind: it is missing; "),
        (b"apiVersion: v1\nkind: [VPS]\n", "dev.yaml:2: kind: it is of the wrong type; "),
        (
            b"apiVersion: kohakuriver.io/v1alpha1\nkind: VSP\n",
            'dev.yaml:2: kind: there is no kind "VSP"; did you mean VPS?',
        ),
        (
            b"apiVersion: v1\nkind: VPS\n",
            'dev.yaml:1: apiVersion: VPS is of "kohakuriver.io/v1alpha1", not of "v1"',
        ),
        (b"apiVersion: v1\nkind: Namespace\n", "dev.yaml:1: metadata.name: it is missing; "),
        (
            b"apiVersion: v1\nkind: Namespace\nmetadata: x\n",
            "dev.yaml:3: metadata: it is of the wrong type; ",
        ),
        (
            b"apiVersion: v1\nkind: Namespace\nmetadata: {labels: {}}\n",
            "dev.yaml:3: metadata.name: it is missing; ",
        ),
        (
            b"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: 5\n",
            "dev.yaml:4: metadata.name: it is of the wrong type; ",
        ),
        (
            b"apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\nspec:\n  x: 1\n  x: 2\n",
            "dev.yaml:6: spec.x: the key stands twice; the first is on line 5",
        ),
        (BOMB, "dev.yaml:1: its aliases stand for more than a manifest holds"),
        (b"a: &a [*a]\n", "dev.yaml:1: it nests deeper than 100 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "dev.yaml:1: it nests deeper than 100 levels"),
        (b"\n".join(b" " * level + b"a:" for level in range(200)), "dev.yaml:102: it nests deeper than"),
        (b"a: !!python/object:os.system x\n", "dev.yaml:1: a: the tag "),
        (b"a: 1\nb: !!bool maybe\n", 'dev.yaml:2: this is not YAML: invalid bool "maybe"'),
        (b"a: 1\nb: !!int ''\n", 'dev.yaml:2: this is not YAML: invalid int ""'),
        (
            b"apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\nspec: .inf\n",
            "dev.yaml:4: spec: inf is not a number that JSON can hold",
        ),
    ],
    ids=lambda value: value[:24].decode(errors="replace") if isinstance(value, bytes) else "",
)
def test_what_is_no_manifest_is_told_by_line_and_field(tmp_path, content, problem):
    assert only(read(tmp_path, content), tmp_path).startswith(problem)


@pytest.mark.fault(43)
def test_a_name_that_stands_twice_in_a_file_is_wrong_in_both_places(tmp_path):
    found = read(tmp_path, f"{GOOD}---\n{GOOD}---\n{GOOD.replace('dev', 'test')}")
    assert [type(one) for one in found] == [Problem, Problem, Manifest]
    assert str(found[1]).endswith(
        "dev.yaml:13: metadata.name: vps/dev is declared here and on line 1; once was expected"
    )


def test_one_name_in_two_namespaces_is_two_objects(tmp_path):
    other = GOOD.replace("name: dev", "name: dev\n  namespace: team")
    assert all(isinstance(one, Manifest) for one in read(tmp_path, f"{GOOD}---\n{other}"))


def test_a_file_that_is_not_there_is_told_with_the_folder_looked_in(tmp_path):
    with pytest.raises(errors.ConfigError, match=r"no\.yaml cannot be read: No such file") as caught:
        manifests.read([str(tmp_path / "no.yaml")])
    assert str(Path.cwd()) in caught.value.hint


def test_a_folder_without_manifests_is_told(tmp_path):
    with pytest.raises(errors.ConfigError, match="holds no manifest"):
        manifests.read([str(tmp_path)])


def test_an_address_is_not_taken_for_a_file():
    with pytest.raises(errors.ConfigError, match="nothing is fetched here") as caught:
        manifests.read(["https://example.org/vps.yaml"])
    assert "curl -LO https://example.org/vps.yaml" in caught.value.hint
