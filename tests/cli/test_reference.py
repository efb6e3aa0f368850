"""What the documentation takes from the code is as the code has it, and Kubernetes would take the CRDs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
MADE = ("docs/reference/commands.md", "docs/reference/fields.md", "manifests/kubernetes/crds.yaml")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    script = PROJECT / "manifests" / "development" / "reference"
    subprocess.run([sys.executable, str(script), str(folder)], check=True, cwd=PROJECT)
    return folder


@pytest.mark.parametrize("file", MADE)
def test_what_is_made_from_the_code_is_up_to_date(made: Path, file: str) -> None:
    assert (PROJECT / file).read_text() == (made / file).read_text(), "`make reference` writes it anew"


def schemas(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all within it."""
    yield path, schema
    for name, inner in (schema.get("properties") or {}).items():
        yield from schemas(inner, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from schemas(schema[word], f"{path}[]")


def test_the_crds_are_structural_schemas() -> None:
    """Kubernetes refuses a CRD whose schema is not structural: every type said, nothing referred to."""
    crds = list(yaml.safe_load_all((PROJECT / "manifests" / "kubernetes" / "crds.yaml").read_text()))
    assert [one["metadata"]["name"] for one in crds] == [
        "vpses.kohakuriver.io",
        "environments.kohakuriver.io",
    ]
    for crd in crds:
        [version] = crd["spec"]["versions"]
        for path, schema in schemas(version["schema"]["openAPIV3Schema"], crd["spec"]["names"]["kind"]):
            anything = schema.get("x-kubernetes-preserve-unknown-fields") is True
            assert "type" in schema or anything, f"{path} says neither its type nor that it may be anything"
            assert not {"$ref", "anyOf", "oneOf", "allOf"} & schema.keys(), f"{path} refers to others"
            assert not ("properties" in schema and "additionalProperties" in schema), f"{path} has both"
