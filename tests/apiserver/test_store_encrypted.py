"""Values under keys: the contract holds, etcd sees nothing of them, and nothing opens that should not."""

import base64
from pathlib import Path

import pytest

from kohakuriver.apiserver.store import encryption
from kohakuriver.apiserver.store.base import Put, StoreConflict, StoreRefused
from kohakuriver.apiserver.store.encrypted import EncryptedStore
from kohakuriver.apiserver.store.encryption import NO_KEYS, CannotDecrypt, Keys
from kohakuriver.errors import ConfigError
from tests.apiserver.store_contract import StoreContract, put, watching
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

ONE, TWO = b"1" * 32, b"2" * 32
KEYS = Keys({"one": ONE}, "one")
BOTH = Keys({"two": TWO, "one": ONE}, "two")
VPS = "registry/vpses/default/dev"
NODE = "registry/nodes/n1"
SECRET = b'{"env": {"PASSWORD": "hunter2"}}'


@pytest.fixture
def store() -> EncryptedStore:
    return EncryptedStore(MemoryStore(), KEYS, covered=("",))


class TestEncryptedStore(StoreContract):
    """The contract, with every value encrypted."""


async def test_a_vps_is_encrypted_wherever_it_is_read_again_and_a_node_is_not() -> None:
    inner = MemoryStore()
    store = EncryptedStore(inner, KEYS)
    revision = await put(store, VPS, SECRET)
    await put(store, NODE, b"node")
    there = [record.value for record in (await inner.list("")).records]
    assert [b"node" in value for value in there] == [True, False]
    assert not any(b"hunter2" in value for value in there)
    assert (await store.get(VPS)).value == SECRET  # type: ignore[union-attr]
    assert [one.value for one in (await store.list("registry/vpses/")).records] == [SECRET]
    async with watching(store, "registry/", start=revision) as batches:
        change = (await anext(batches)).changes[0]
        assert change.record is not None and change.record.value == SECRET
    with pytest.raises(StoreConflict) as conflict:
        await store.commit(expect={VPS: 0}, writes=[Put(VPS, b"")])
    assert conflict.value.actual[VPS].value == SECRET  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["environments", "snapshots"])
async def test_what_else_may_hold_what_programs_wrote_is_encrypted_too(kind: str) -> None:
    inner, key = MemoryStore(), f"registry/{kind}/default/it"
    store = EncryptedStore(inner, KEYS)
    await put(store, key, SECRET)
    assert [b"hunter2" in record.value for record in (await inner.list("")).records] == [False]
    assert (await store.get(key)).value == SECRET  # type: ignore[union-attr]


async def test_what_was_stored_before_there_were_keys_is_read_and_written_anew_under_them() -> None:
    inner = MemoryStore()
    await put(inner, VPS, SECRET)
    await put(inner, VPS + "2", SECRET)
    for keys in (KEYS, BOTH, Keys({"two": TWO}, None)):
        store = EncryptedStore(inner, keys)
        assert (await store.get(VPS)).value == SECRET  # type: ignore[union-attr]
        assert await store.rewrite() == (2, 2)
        assert await store.rewrite() == (2, 0)
        names = {encryption.name_of(one.value) for one in (await inner.list("registry/vpses/")).records}
        assert names == {keys.first}
        assert (await store.get(VPS)).value == SECRET  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("keys", "why"),
    [(NO_KEYS, 'is encrypted with key "one"'), (Keys({"one": TWO}, "one"), 'does not open with key "one"')],
)
async def test_what_cannot_be_read_is_refused_and_never_looks_as_if_it_were_gone(
    keys: Keys, why: str
) -> None:
    inner = MemoryStore()
    revision = await put(EncryptedStore(inner, KEYS), VPS, SECRET)
    store = EncryptedStore(inner, keys)
    for read in (store.get(VPS), store.list("registry/"), store.get_many([VPS]), store.check()):
        with pytest.raises(StoreRefused, match=why):
            await read
    async with watching(store, "registry/", start=revision) as batches:
        with pytest.raises(StoreRefused, match=why):
            await anext(batches)


def test_a_value_opens_at_its_own_place_alone_and_never_looks_twice_the_same() -> None:
    sealed = KEYS.encrypt(VPS, SECRET)
    assert sealed != KEYS.encrypt(VPS, SECRET)
    assert KEYS.decrypt(VPS, sealed) == SECRET
    for key, value in (
        (VPS + "2", sealed),
        (VPS, sealed[:-1]),
        (VPS, sealed[:-1] + b"x"),
        (VPS, sealed[:20]),
    ):
        with pytest.raises(CannotDecrypt):
            KEYS.decrypt(key, value)


def in_base64(key: bytes) -> str:
    return base64.b64encode(key).decode()


def a_file(folder: Path, text: str, *, mode: int = 0o600) -> Path:
    file = folder / "keys"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_the_first_key_of_the_file_is_for_what_is_written(tmp_path: Path) -> None:
    lines = f"two {in_base64(TWO)}\n\none {in_base64(ONE)}\n"
    assert Keys.load(a_file(tmp_path, lines)) == BOTH
    assert Keys.load(a_file(tmp_path, "plain\n" + lines)) == Keys({"two": TWO, "one": ONE}, None)


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("", 0o600, "holds no key"),
        ("plain\n", 0o600, "holds no key"),
        (f"one {in_base64(ONE)}\n", 0o640, "others can read"),
        (f"one {in_base64(ONE[:16])}\n", 0o600, "line 1 of .* does not hold 32 bytes"),
        ("one abc\n", 0o600, "line 1 of .* does not hold 32 bytes"),
        (f"one {in_base64(ONE)}\none {in_base64(TWO)}\n", 0o600, "line 2 of .* a name of its own"),
        (f"one {in_base64(ONE)}\nplain\n", 0o600, "line 2 of .* a name of its own"),
        (f"{in_base64(ONE)}\n", 0o600, "line 1 of .* a name of its own"),
    ],
)
def test_a_file_of_keys_that_makes_no_sense_is_refused(
    tmp_path: Path, text: str, mode: int, why: str
) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        Keys.load(a_file(tmp_path, text, mode=mode))
    assert refused.value.hint
    assert in_base64(ONE) not in str(refused.value)
