"""Lays files of lxcfs over the kernel's own inside a container, and takes them off. A program of its own.

    python -I -S mount_inside.py NAMESPACE FOLDER DEVICE -FILE… +FILE…

NAMESPACE is an open descriptor of the container's mount namespace, FOLDER where lxcfs is on this machine,
DEVICE its number; -FILE is taken off, +FILE laid over. lxcfs.py starts it, since a process that entered
another mount namespace is good for nothing else, and one that lxcfs keeps waiting can be left behind. A
container never waits for this, and none has to be made for it: open_tree and move_mount (Linux 5.2) carry a
mount over. It knows nothing of this package, so that it begins at once.
"""

import ctypes
import os
import stat
import sys
from typing import Final

_OPEN_TREE, _MOVE_MOUNT = 428, 429  # on every architecture
_HERE: Final = -100
_CLONE, _EMPTY_PATH = 1, 4
_READ_ONLY, _NO_SUID, _NO_DEV, _NO_EXEC, _REMOUNT, _BIND = 1, 2, 4, 8, 32, 4096
_PRIVATE: Final = 1 << 18
_DETACH, _NO_FOLLOW = 2, 8
_NEW_MOUNTS: Final = 0x20000
_KERNELS: Final = {"/proc": 0x9FA0, "/sys": 0x62656572}  # <linux/magic.h>
_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> int:
    """0, or 1 with what went wrong on stderr."""
    namespace, folder, device, *files = arguments
    trees = {file[1:]: _clone(folder + file[1:], device) for file in files if file[0] == "+"}
    _check(_libc.setns(int(namespace), _NEW_MOUNTS), "setns")
    code = 0
    for file in files:
        try:
            _work(file[0], file[1:], trees)
        except OSError as error:
            sys.stderr.write(f"{file[1:]}: {error.strerror}\n")
            code = 1
    return code


def _clone(path: str, device: str) -> int:
    """A mount of that file of lxcfs, which is nowhere yet; -1 where this lxcfs has no such file."""
    try:
        made = _check(_libc.syscall(_OPEN_TREE, _HERE, path.encode(), _CLONE | os.O_CLOEXEC), path)
    except FileNotFoundError:
        return -1
    found = os.fstat(made)
    if f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}" != device or not stat.S_ISREG(found.st_mode):
        raise OSError(0, "it is of another file system", path)
    return made


def _work(sign: str, file: str, trees: dict[str, int]) -> None:
    name = _beside(file)
    if sign == "-":
        _check(_libc.umount2(name, _DETACH | _NO_FOLLOW), file)
    elif trees[file] >= 0:
        _check(_libc.syscall(_MOVE_MOUNT, trees[file], b"", _HERE, name, _EMPTY_PATH), file)
        _check(_libc.mount(None, name, None, _PRIVATE, None), file)
        flags = _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEV | _NO_EXEC
        _check(_libc.mount(None, name, None, flags, None), file)


def _beside(file: str) -> bytes:
    """The file's name, from the root of the kernel's file system that it is of: nothing else is touched."""
    root = next(root for root in _KERNELS if file.startswith(f"{root}/"))
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = (ctypes.c_long * 64)()  # struct statfs begins with the type, and is shorter than this
        _check(_libc.fstatfs(folder, ctypes.byref(found)), root)
        if int(found[0]) != _KERNELS[root]:
            raise OSError(0, "it is not the kernel's", root)
        os.fchdir(folder)
    finally:
        os.close(folder)
    return file.removeprefix(f"{root}/").encode()


def _check(result: int, path: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as failure:
        sys.exit(f"{failure.filename}: {failure.strerror}")
