"""A folder with everything that a file system has and a copy may lose, and all that is known of a folder.

Made as root, on a file system with ACLs and extended attributes.
"""

import hashlib
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Any

LONG = "n" * 255
ODD = ("with blank", "with\nnew line", "-rf", "ünïcödé", "back\\slash", "quote'\"", "*", "trailing ", LONG)
_OLD = 1_000_000_000_123_456_789  # ns
_CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)  # cap_net_bind_service=ep
_NOBODY = 0xFFFFFFFF


def _acl(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries)


_ACL = _acl((1, 6, _NOBODY), (2, 4, 1234), (4, 4, _NOBODY), (0x10, 4, _NOBODY), (0x20, 0, _NOBODY))
_DEFAULT_ACL = _acl((1, 7, _NOBODY), (2, 5, 77), (4, 5, _NOBODY), (0x10, 5, _NOBODY), (0x20, 0, _NOBODY))


def make(top: Path, *, in_a_container: bool = False) -> None:
    """Fill the folder; in a container's own files an overlay means some of these things for itself."""
    top.chmod(0o2750)
    os.chown(top, 33, 44)
    for at, name in enumerate((*ODD, os.fsdecode(b"\xff\xfe not UTF-8"))):
        path = top / name
        path.write_bytes(f"content {at}".encode())
        os.utime(path, ns=(_OLD + at, _OLD + 1000 * at))
    (top / "empty").touch(0o000)
    (top / "set-id").write_text("#!/bin/sh\n")
    os.chown(top / "set-id", 0, 7)
    (top / "set-id").chmod(0o6755)
    os.link(top / "with blank", top / "another name")
    _attributes(top)
    _special(top)
    if not in_a_container:
        os.setxattr(top / "inherits", "trusted.overlay.opaque", b"y")
        os.mknod(top / "whiteout", stat.S_IFCHR, os.makedev(0, 0))
    _sparse(top / "sparse")
    deep = top
    for at in range(60):
        deep = deep / f"folder-{at:04}"
        deep.mkdir(0o1777)
    (deep / "at the end").write_text("deep")
    os.utime(deep, ns=(_OLD, _OLD))
    os.utime(top, ns=(_OLD, _OLD + 7))


def _attributes(top: Path) -> None:
    (top / "attributes").write_text("a")
    os.setxattr(top / "attributes", "user.binary", bytes(range(256)))
    os.setxattr(top / "attributes", "user.with=sign", b"a=b\n")
    os.setxattr(top / "attributes", "trusted.secret", b"of root")
    os.setxattr(top / "attributes", "system.posix_acl_access", _ACL)
    (top / "inherits").mkdir()
    os.setxattr(top / "inherits", "system.posix_acl_default", _DEFAULT_ACL)
    (top / "capable").write_bytes(b"\x7fELF")
    os.chown(top / "capable", 12, 34)
    (top / "capable").chmod(0o4755)
    os.setxattr(top / "capable", "security.capability", _CAPABILITY)


def _special(top: Path) -> None:
    os.mkfifo(top / "pipe", 0o620)
    os.mknod(top / "device", 0o640 | stat.S_IFCHR, os.makedev(1, 7))
    os.mknod(top / "block", 0o600 | stat.S_IFBLK, os.makedev(7, 200))
    (top / "link").symlink_to("/etc/../no such place")
    (top / "link to a folder").symlink_to("../..")
    os.lchown(top / "link", 99, 98)
    os.utime(top / "link", ns=(_OLD, _OLD + 3), follow_symlinks=False)
    with socket.socket(socket.AF_UNIX) as made:
        descriptor = os.open(top, os.O_RDONLY)  # a short path, however deep the folder lies
        try:
            made.bind(f"/proc/self/fd/{descriptor}/socket")
        finally:
            os.close(descriptor)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        for place in (0, 1 << 20, 64 << 20):
            file.seek(place)
            file.write(b"data" * 1024)
        file.truncate(128 << 20)


def tree(top: Path, *, sockets: bool = False) -> dict[str, dict[str, Any]]:
    """What is known of each path below the folder and of the folder itself; hard links by the first name."""
    found: dict[str, dict[str, Any]] = {}
    first: dict[int, str] = {}
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in (".", *sorted(folders), *sorted(files)):
            path = Path(folder) / name
            seen = path.lstat()
            if stat.S_ISSOCK(seen.st_mode) and not sockets:
                continue
            relative = os.path.relpath(path, top)
            found[relative] = _known(path, seen)
            if seen.st_nlink > 1 and not stat.S_ISDIR(seen.st_mode):
                found[relative]["same as"] = first.setdefault(seen.st_ino, relative)
    return found


def _known(path: Path, seen: os.stat_result) -> dict[str, Any]:
    known: dict[str, Any] = {
        "mode": oct(seen.st_mode),
        "owner": (seen.st_uid, seen.st_gid),
        "time": seen.st_mtime_ns,
        "attributes": {
            name: os.getxattr(path, name, follow_symlinks=False)
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        },
    }
    if stat.S_ISREG(seen.st_mode):
        known["content"] = (seen.st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        known["is sparse"] = seen.st_blocks * 512 < seen.st_size // 2
    elif stat.S_ISLNK(seen.st_mode):
        known["content"] = str(path.readlink())
    elif stat.S_ISCHR(seen.st_mode) or stat.S_ISBLK(seen.st_mode):
        known["content"] = seen.st_rdev
    return known
