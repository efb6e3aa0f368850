"""--target, in every form of the guide."""

import pytest

from kohakuriver.cli import failures
from kohakuriver.cli.vps import target


@pytest.mark.parametrize(
    ("text", "placement"),
    [
        ("nodeA", {"node": "nodea"}),
        ("nodeA:0", {"node": "nodea", "numa": 0}),
        ("nodeA::0,1", {"node": "nodea", "gpus": {"ids": [0, 1]}}),
        ("nodeA:1::2", {"node": "nodea", "numa": 1, "gpus": {"ids": [2]}}),
        ("nodeC::0,GPU-1f2e-a0", {"node": "nodec", "gpus": {"ids": [0, "GPU-1f2e-a0"]}}),
        (":0", {"numa": 0}),
        ("::0,1", {"gpus": {"count": 2}}),
        (":1::3", {"numa": 1, "gpus": {"count": 1}}),
        ("::GPU-1f2e-a0", {"gpus": {"ids": ["GPU-1f2e-a0"]}}),
        ("gpu-01.lab.example", {"node": "gpu-01.lab.example"}),
    ],
)
def test_every_form_is_read(text, placement):
    assert target.parse(text).placement() == placement


def test_indices_without_a_node_count_gpus_and_say_so():
    assert target.parse("::0,1").counts_gpus
    assert not target.parse("n1::0,1").counts_gpus
    assert not target.parse("::GPU-1").counts_gpus


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("nodeA:", "a NUMA node is missing after :"),
        (":", "a NUMA node is missing after :"),
        ("nodeA:x", 'invalid number of a NUMA node "x"'),
        ("nodeA:-1", 'invalid number of a NUMA node "-1"'),
        ("nodeA:0:1", 'invalid number of a NUMA node "0:1"'),
        ("nodeA::", "GPUs are missing after ::"),
        ("::", "GPUs are missing after ::"),
        ("nodeA::a", 'invalid GPU "a": use its index or its UUID'),
        ("nodeA::0,", "a GPU is missing beside ,"),
        ("nodeA::0,0", "GPU 0 is named twice"),
        ("nodeA::0::1", 'invalid GPU "0::1": use its index or its UUID'),
        ("nodeA:::0", 'invalid GPU ":0": use its index or its UUID'),
        ("::0,GPU-1", "it mixes indices and UUIDs of GPUs, and indices need a node"),
        ("node A", 'invalid name of a node "node A"'),
        ("nodeA::²", 'invalid GPU "²": use its index or its UUID'),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_part(text, why):
    with pytest.raises(failures.UsageError) as caught:
        target.parse(text)
    assert caught.value.message == f'--target "{text}": {why}'
    assert "node[:numa][::gpus]" in caught.value.hint
