"""Which nodes keep volumes of a VPS, as they list them now."""

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.controller.deciding.volumes import KeptVolumes


def a_volume(name, *, vps="dev", namespace="default"):
    return {"namespace": namespace, "vps": vps, "name": name}


def a_node(*volumes):
    return {"status": {"volumes": list(volumes)}}


def a_vps(*volumes, name="dev"):
    spec = {"volumes": [{"name": volume, "target": f"/{volume}"} for volume in volumes]}
    return {"metadata": {"namespace": "default", "name": name}, "spec": spec}


def test_the_node_with_the_most_of_what_is_wanted_comes_first():
    kept = KeptVolumes()
    kept.set_node("n1", a_node(a_volume("home")))
    kept.set_node("n2", a_node(a_volume("home"), a_volume("data")))
    kept.set_node("n3", a_node(a_volume("old")))
    assert kept.nodes_for(a_vps("home", "data")) == ("n2", "n1")
    assert kept.nodes_for(a_vps("home")) == ("n1", "n2")
    assert kept.nodes_for(a_vps()) == ()


def test_another_namespaces_or_another_vpss_volumes_are_not_its_own():
    kept = KeptVolumes()
    kept.set_node("n1", a_node(a_volume("home", namespace="team"), a_volume("home", vps="other")))
    assert kept.nodes_for(a_vps("home")) == ()


LISTS = st.lists(
    st.builds(a_volume, st.sampled_from("ab"), vps=st.sampled_from(["dev", "other"])), max_size=3
)


@given(st.lists(st.tuples(st.sampled_from(["n1", "n2"]), st.none() | LISTS), max_size=6))
def test_only_what_a_node_listed_last_counts(told):
    kept, last = KeptVolumes(), {}
    for node, volumes in told:
        kept.set_node(node, a_node(*volumes) if volumes is not None else None)
        last[node] = volumes or ()
    for vps in ("dev", "other"):
        wanted = {node for node, volumes in last.items() if a_volume("a", vps=vps) in volumes}
        assert set(kept.nodes_for(a_vps("a", name=vps))) == wanted
