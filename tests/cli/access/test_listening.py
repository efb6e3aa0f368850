"""What of a VPS's /proc says that a port is served."""

from kohakuriver.cli.access import listening

TABLES = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:1538 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 2 1
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000000000000:22B8 00000000000000000000000000000000:0000 0A 00000000:00000000
"""


def test_listening_ports_are_those_in_that_state_of_both_families():
    assert listening.read(TABLES) == {22, 8888}


def test_what_is_not_such_a_table_has_none():
    assert listening.read("") == listening.read("cat: no such file\n") == set()
