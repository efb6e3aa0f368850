"""What the documentation takes from the code is as the code has it, and Kubernetes would take the CRDs."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
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


@pytest.fixture
def crds() -> dict[str, Any]:
    """By kind."""
    text = (PROJECT / "manifests" / "kubernetes" / "crds.yaml").read_text()
    return {crd["spec"]["names"]["kind"]: crd for crd in yaml.safe_load_all(text)}


def root_of(crd: dict[str, Any]) -> dict[str, Any]:
    [version] = crd["spec"]["versions"]
    return dict(version["schema"]["openAPIV3Schema"])


def test_the_crds_are_structural_schemas(crds: dict[str, Any]) -> None:
    """Kubernetes refuses a CRD whose schema is not structural: every type said, nothing referred to."""
    assert list(crds) == ["VPS", "Environment", "Policy"]
    for kind, crd in crds.items():
        for path, schema in schemas(root_of(crd), kind):
            anything = schema.get("x-kubernetes-preserve-unknown-fields") is True
            assert "type" in schema or anything, f"{path} says neither its type nor that it may be anything"
            assert not {"$ref", "anyOf", "oneOf", "allOf"} & schema.keys(), f"{path} refers to others"
            assert not ("properties" in schema and "additionalProperties" in schema), f"{path} has both"
            assert "(?" not in schema.get("pattern", ""), f"{path} has a pattern that Go cannot read"
            for key in schema.get("x-kubernetes-list-map-keys", ()):
                item = schema["items"]
                known = key in item.get("required", ()) or "default" in item["properties"][key]
                assert known, f"{path} goes by {key}, which may be missing"


def test_the_crds_have_what_kubernetes_knows_and_nothing_else(crds: dict[str, Any]) -> None:
    """Its own model drops what it does not know, and refuses what lacks a field."""
    client = kubernetes.client.ApiClient()
    for crd in crds.values():
        known = client.deserialize(json.dumps(crd), "V1CustomResourceDefinition", "application/json")
        assert client.sanitize_for_serialization(known) == crd


def test_the_crds_print_fields_that_there_are(crds: dict[str, Any]) -> None:
    for crd in crds.values():
        [version] = crd["spec"]["versions"]
        has_status = "status" in root_of(crd)["properties"]
        assert version.get("subresources") == ({"status": {}} if has_status else None)
        for column in version["additionalPrinterColumns"]:
            schema = root_of(crd)
            for field in column["jsonPath"].strip(".").split("."):
                if schema == {"type": "object"}:  # metadata is Kubernetes' own
                    break
                schema = schema["properties"][field]


@pytest.mark.parametrize(
    "file", sorted((PROJECT / "manifests" / "examples").glob("*.yaml")), ids=lambda f: f.name
)
def test_an_example_fits_the_crds(crds: dict[str, Any], file: Path) -> None:
    for manifest in yaml.safe_load_all(file.read_text()):
        assert list(misfits(root_of(crds[manifest["kind"]]), manifest, manifest["kind"])) == []


TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


def misfits(schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    """Where a value is not as its schema says."""
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        yield f"{path} is no {schema['type']}"
        return
    if value not in schema.get("enum", [value]) or not re.search(schema.get("pattern", ""), str(value)):
        yield f"{path} may not be {value}"
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from misfits(schema["items"], item, f"{path}[{number}]")
    for field, inner in value.items() if isinstance(value, dict) and "properties" in schema else ():
        if field in schema["properties"]:
            yield from misfits(schema["properties"][field], inner, f"{path}.{field}")
        else:
            yield f"{path}.{field} is not known"
    yield from (f"{path}.{name} is missing" for name in schema.get("required", ()) if name not in value)
