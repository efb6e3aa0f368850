"""The engine's framing of two outputs in one stream."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.agent.runtime.demux import Demux


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40))), st.lists(st.integers(1, 30)))
def test_cuts_anywhere_change_nothing(frames, cuts):
    whole = b"".join(struct.pack(">BxxxI", kind, len(data)) + data for kind, data in frames)
    demux, found = Demux(), {"stdout": b"", "stderr": b""}
    for cut in [*cuts, len(whole)]:
        for name, data in demux.feed(whole[:cut]):
            found[name] += data
        whole = whole[cut:]
    assert found["stdout"] == b"".join(data for kind, data in frames if kind == 1)
    assert found["stderr"] == b"".join(data for kind, data in frames if kind == 2)


def test_a_complaint_of_the_engine_in_place_of_frames_is_kept():
    demux = Demux()
    assert list(demux.feed(b"OCI runtime exec failed: no such file")) == []
    assert list(demux.feed(b" or directory")) == []
    assert demux.complaint == b"OCI runtime exec failed: no such file or directory"
