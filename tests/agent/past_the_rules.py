"""VPSes whose image no server takes: what one of before the rule, or one that was broken into, may hold."""

from typing import Any

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.resources import kinds
from tests.agent.agent_kit import Json, a_manifest
from tests.apiserver.api import Api


async def name_image(api: Api, image: str, name: str = "dev", **spec: Any) -> Json:
    """The VPS as stored, with that image; it is created where there is none."""
    key = codec.key(kinds.VPS, "default", name)
    record = await api.store.get(key)
    if record is None:
        await api.create(kinds.VPS, a_manifest(name))
        record = await api.store.get(key)
    assert record is not None
    vps: Json = codec.decode(record)
    vps["spec"] |= {"image": image, **spec}
    vps["metadata"]["generation"] += 1
    await api.store.commit(expect={key: record.revision}, writes=[Put(key, codec.encode(vps))])
    return vps
