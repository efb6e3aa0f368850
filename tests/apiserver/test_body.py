"""Bodies: fields that stand twice are found, whatever stands around them; YAML is read without its traps."""

import contextlib
import io
import json
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.objects.extent import MOST_VALUES
from kohakuriver.apiserver.objects.validation import FieldValidation
from kohakuriver.apiserver.serving import body, yaml_body
from kohakuriver.apiserver.write.patch import APPLY
from kohakuriver.errors import BadRequest
from kohakuriver.resources import kinds
from tests import cost
from tests.apiserver.api import running_api


def doubled(content: str) -> list[str]:
    found: list[str] = []
    body._json(content.encode(), found.append)
    return found


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ('{"a":1,"a":2}', ["a"]),
        ('{"a" :1,"a":2}', ["a"]),
        ('{"a"\n\t:1,"a":2,"t":"12:30"}', ["a"]),
        ('{"s":{"e":[{"x":1},{"x":1,"y":"\\":","x":2}]}}', ["s.e[1].x"]),
        ('{"t":"12:30","a":1,"a":2}', ["t.a"[2:]]),
        ('{"a":"12:30:00","b":"\\"a\\":1"}', []),
        ('[{"op":"add","op":"test"}]', ["[0].op"]),
    ],
)
def test_fields_that_stand_twice_are_named(content: str, fields: list[str]) -> None:
    assert doubled(content) == fields


leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.text(alphabet='a":\\ {}\n', max_size=6)
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text('a":\\', max_size=3), inner)
)


@given(values, st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]))
def test_what_says_everything_once_has_no_doubled_field(value: object, signs: tuple[str, str]) -> None:
    assert doubled(json.dumps(value, separators=signs)) == []


@given(values)
def test_json_is_read_alike_as_yaml(value: object) -> None:
    text = json.dumps(value, ensure_ascii=True)
    assert yaml_body.decode(text.encode(), lambda field: None) == value


@pytest.mark.parametrize(
    "content",
    [
        "a: &x [1]\nb: *x",
        "a: .nan",
        "a: .inf",
        "a: 1\n---\nb: 2",
        "? [a]\n: 1",
        "a:\n\t- b",
        "[" * 200,
        "a: !!python/object/apply:os.system [x]",
        "a: '\x00'",
    ],
)
def test_yaml_that_json_has_no_words_for_is_refused(content: str) -> None:
    with pytest.raises(BadRequest, match="YAML"):
        yaml_body.decode(content.encode(), lambda field: None)


WORDS = (
    "maybe",
    "foo",
    "",
    "''",
    "+",
    "-_",
    "0x",
    "1:",
    ".",
    "1e999",
    "=",
    "<<",
    "~",
    "2001-99-99",
    "9" * 5000,
)
TAGS = ("bool", "int", "float", "null", "timestamp", "binary", "str", "merge", "value", "set", "omap", "yaml")


@pytest.mark.parametrize("tag", TAGS)
def test_a_word_that_is_nothing_of_what_its_tag_says_is_a_mistake_of_the_client(tag: str) -> None:
    for word in WORDS:
        for text in (f"a: !!{tag} {word}", f"!!{tag} {word}", f"- !!{tag} {word}", f"!!{tag} {word}: 1"):
            with contextlib.suppress(BadRequest):
                yaml_body.decode(text.encode(), lambda field: None)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: !!bool maybe", 'invalid bool "maybe"'),
        ("a: !!timestamp foo", 'invalid timestamp "foo"'),
        ("a: !!int ''", 'invalid int ""'),
        ("a: !!float x", 'invalid float "x"'),
    ],
)
def test_it_says_which_word_is_none(content: str, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        yaml_body.decode(content.encode(), lambda field: None)


def test_yaml_reads_times_and_sixties_as_text() -> None:
    read = yaml_body.decode(b"t: 2026-01-01\nn: 1:30\ni: 7\n8: x\n", lambda field: None)
    assert read == {"t": "2026-01-01", "n": "1:30", "i": 7, "8": "x"}


async def test_validation_decides_what_becomes_of_a_doubled_field() -> None:
    head = '"apiVersion":"kohakuriver.io/v1alpha1","kind":"VPS"'
    text = f'{{{head},"metadata":{{"name":"%s"}},"spec":{{"priority":1,"priority":2}}}}'
    async with running_api() as api:
        for mode in FieldValidation:
            path = kinds.VPS.path(namespace="default") + f"?fieldValidation={mode}"
            headers = {"Content-Type": "application/json"}
            reply = await api.call("POST", path, data=text % mode.lower(), headers=headers)
            if mode is FieldValidation.STRICT:
                assert reply.code == 400 and 'duplicate field "spec.priority"' in reply.body["message"]
                continue
            assert reply.code == 201 and reply.body["spec"]["priority"] == 2
            assert ("Warning" in reply.headers) is (mode is FieldValidation.WARN)


def a_body(**spec: object) -> bytes:
    head = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": {"name": "dev"}}
    return json.dumps(head | {"spec": spec}).encode()


@pytest.mark.parametrize(
    "body",
    [
        a_body(volumes=[{}] * 400_000),
        a_body(env={f"k{number}": 1 for number in range(100_000)}),
        a_body(**{f"x{number}": 1 for number in range(100_000)}),
        b"a: 1\n" * 200_000,
        b"a: [" + b"1," * 400_000 + b"]",
        b"a: " + b"1:" * 20_000 + b"1.0",
        b"a: 0x" + b"1" * 2_000_000,
    ],
    ids=["items", "wrong values", "unknown fields", "doubled", "YAML items", "sixties", "a long number"],
)
async def test_no_body_keeps_the_server_from_everybody_else(body: bytes) -> None:
    async with running_api() as api:
        for method, path, media in (
            ("POST", kinds.VPS.path(namespace="default"), "application/yaml"),
            ("PATCH", kinds.VPS.path(namespace="default", name="dev") + "?fieldManager=me", APPLY),
        ):
            with cost.calls() as made:
                reply = await api.call(method, path, data=io.BytesIO(body), headers={"Content-Type": media})
            assert reply.code in (400, 413), reply.body
            assert made.count < 100 * MOST_VALUES, "it looked at more than it takes"
            assert len(reply.body["message"]) < 20_000


@pytest.mark.parametrize(
    ("head", "digits", "tail"),
    [("", "1:", "1"), ("", "1:", "1.0"), ("0x", "1", ""), ("", "1", ""), ("0b", "1", ""), ("", "1_", "1")],
)
def test_a_number_in_yaml_costs_what_its_length_costs(head: str, digits: str, tail: str) -> None:
    def reading(length: int) -> Callable[[], None]:
        number = head + digits * (length // len(digits)) + tail

        def read_it() -> None:
            with contextlib.suppress(BadRequest):
                yaml_body.decode(f"a: {number}".encode(), lambda field: None)

        return read_it

    # Eight times as long: eight times as much; 64 times, were it calculated digit by digit.
    assert cost.ratio(reading(64_000), reading(8_000)) < 24


async def test_what_is_wrong_ten_thousand_times_is_named_fifty_times() -> None:
    async with running_api() as api:
        path = kinds.VPS.path(namespace="default")
        headers = {"Content-Type": "application/json"}
        reply = await api.call("POST", path, data=a_body(volumes=[1] * 9_000), headers=headers)
        assert reply.code == 422 and len(reply.body["details"]["causes"]) == 50
        assert reply.body["message"].endswith("and 8950 more]")


async def test_an_object_does_not_grow_beyond_what_one_body_may_hold() -> None:
    async with running_api() as api:
        path = kinds.VPS.path(namespace="default", name="dev")
        codes = []
        tolerations = [{"key": f"k{one}", "operator": "Exists"} for one in range(1_500)]
        for number, spec in enumerate(
            ({"command": ["x"] * 4_000}, {"tolerations": tolerations}, {"command": ["x"] * 7_000})
        ):
            body = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "spec": spec}
            codes.append(
                (
                    await api.call(
                        "PATCH",
                        f"{path}?fieldManager=m{number}&force=true",
                        body,
                        headers={"Content-Type": APPLY},
                    )
                ).code
            )
        assert codes == [201, 200, 413]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP, identity"])
async def test_a_compressed_body_is_not_unpacked(encoding: str) -> None:
    bomb = zlib.compress(b" " * (20 << 20))
    async with running_api() as api:
        path = kinds.VPS.path(namespace="default")
        headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
        tracemalloc.start()
        try:
            reply = await api.call("POST", path, data=bomb, headers=headers)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert reply.code == 415 and "compressed" in reply.body["message"]
        assert most < 5 << 20, "twenty megabytes are in it"


async def test_an_apply_takes_yaml() -> None:
    text = "apiVersion: kohakuriver.io/v1alpha1\nkind: VPS\nspec: {priority: 3}\n"
    async with running_api() as api:
        path = kinds.VPS.path(namespace="default", name="dev") + "?fieldManager=me"
        reply = await api.call("PATCH", path, data=text, headers={"Content-Type": APPLY})
        assert reply.code == 201 and reply.body["spec"]["priority"] == 3
