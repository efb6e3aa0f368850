"""What of lxcfs a container is to see."""

from kohakuriver.agent.deciding.shown import FILES, Change, change, mounts, reads_uptime

MOUNTINFO = """\
70 27 0:63 / /var/lib/lxcfs rw,nosuid,nodev,relatime shared:12 - fuse.lxcfs lxcfs rw,user_id=0,allow_other
71 60 0:63 /proc/meminfo /proc/meminfo ro,nosuid - fuse.lxcfs lxcfs rw,user_id=0
72 60 0:61 /proc/stat /proc/stat ro,nosuid - fuse.lxcfs lxcfs rw,user_id=0
73 60 0:9 / /proc/kcore rw,nosuid - tmpfs tmpfs rw
74 60 0:64 / /proc/uptime rw - fuse.sshfs other rw
"""
LIVING = dict.fromkeys(FILES, "0:63")


def test_where_lxcfs_is_seen_and_which_one_is_read_from_the_kernel() -> None:
    assert mounts(MOUNTINFO) == {"/var/lib/lxcfs": "0:63", "/proc/meminfo": "0:63", "/proc/stat": "0:61"}
    assert mounts("nonsense\n\n1 2 - fuse.lxcfs\n") == {}


def test_what_lies_on_top_counts() -> None:
    covered = "71 60 0:63 / /proc/stat ro - fuse.lxcfs lxcfs rw\n72 71 0:9 / /proc/stat ro - tmpfs tmpfs rw\n"
    assert mounts(covered) == {}


def test_a_container_that_sees_the_machine_is_shown_everything() -> None:
    assert change({}, "0:63") == Change(over=FILES)
    assert not change(LIVING, "0:63")


def test_without_lxcfs_nothing_is_done() -> None:
    assert not change({}, "")


def test_what_no_server_is_behind_any_more_is_taken_off() -> None:
    assert change(LIVING, "") == Change(off=FILES)


def test_another_lxcfs_takes_the_place_of_the_one_before() -> None:
    assert change(LIVING, "0:70") == Change(off=FILES, over=FILES)


def test_a_keep_alive_that_ends_without_the_uptime_is_left_the_kernel_s() -> None:
    assert "/proc/uptime" not in change({}, "0:63", besides=("/proc/uptime",)).over
    assert reads_uptime(b"/sbin/docker-init\0--\0/bin/sh\0-c\0read -r started rest < /proc/uptime\0k")
    assert not reads_uptime(b"/sbin/docker-init\0--\0/bin/sh\0/etc/kohakuriver/init")
