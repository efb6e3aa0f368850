"""Opens a path that cannot lead out of its folder, and mounts what was opened: two system calls.

Below staging.py, which says what and where, and the files of a container, whose root is the folder. The
path is walked by the kernel with `openat2`, so that nobody can swap a part of it between the check and the
use. The standard library has neither call; the kernel has the first since 5.6.
"""

import ctypes
import errno
import os
from typing import Final, Protocol

_SYS_OPENAT2: Final = 437  # on every architecture
_NO_MAGIC_LINKS, _NO_SYMLINKS, _BENEATH, _IN_ROOT = 0x02, 0x04, 0x08, 0x10
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_MNT_DETACH, _NO_FOLLOW = 0x02, 0x08
# <linux/magic.h>: /proc, /sys, cgroup, cgroup2, debugfs, tracefs, securityfs, bpf, and what a privileged
# container may see besides: configfs, efivarfs, pstore, selinuxfs, binfmt_misc, resctrl, nfsd, fusectl.
_KERNELS: Final = frozenset(
    (
        *(0x9FA0, 0x62656572, 0x27E0EB, 0x63677270, 0x64626720, 0x74726163, 0x73636673, 0xCAFE4A11),
        *(0x62656570, 0xDE5E81E4, 0x6165676C, 0xF97CFF8C, 0x42494E4D, 0x7655821, 0x6E667364, 0x65735543),
    )
)
_libc = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(prefix: str, relative: str) -> int:
    """A descriptor of the path, which is only good for mounting and fstat. Raises OSError."""
    folder = os.open(prefix, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _openat2(folder, relative, os.O_PATH, _BENEATH | _NO_SYMLINKS | _NO_MAGIC_LINKS)
    finally:
        os.close(folder)


def open_in_root(root: int, path: str, flags: int) -> int:
    """A descriptor of a path as a process would find it whose root is that folder: links, absolute ones
    too, and `..` stay inside. Raises OSError."""
    return _openat2(root, path, flags, _IN_ROOT | _NO_MAGIC_LINKS)


def of_the_kernel(descriptor: int) -> bool:
    """Whether it lies on a filesystem that shows the kernel's own state (/proc, /sys). Raises OSError."""
    found = (ctypes.c_long * 64)()  # struct statfs begins with the type, and is shorter than this
    _check(_libc.fstatfs(descriptor, ctypes.byref(found)), "fstatfs")
    return int(found[0]) in _KERNELS


def _openat2(folder: int, path: str, flags: int, resolve: int) -> int:
    how = _How(flags | os.O_CLOEXEC, 0, resolve)
    number = ctypes.c_long(_SYS_OPENAT2)
    name = ctypes.c_char_p(os.fsencode(path or "."))
    found = _libc.syscall(number, folder, name, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)))
    if found < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return int(found)


class Mounter(Protocol):
    """Lets one path of this machine show what a descriptor stands for."""

    def bind(self, descriptor: int, target: str, *, whole: bool) -> None:
        """Show it at `target`; `whole` with what is mounted below it. Raises OSError."""
        ...

    def unbind(self, target: str) -> None:
        """Undo it; fine where there is nothing."""
        ...


class KernelMounter:
    """With mount(2). Every mount is made private first: to take away a shared one takes away its twins."""

    def bind(self, descriptor: int, target: str, *, whole: bool) -> None:
        source, path = f"/proc/self/fd/{descriptor}".encode(), os.fsencode(target)
        _check(_libc.mount(source, path, None, _MS_BIND | (_MS_REC if whole else 0), None), target)
        _check(_libc.mount(None, path, None, _MS_REC | _MS_PRIVATE, None), target)

    def unbind(self, target: str) -> None:
        path = os.fsencode(target)
        while _libc.mount(None, path, None, _MS_REC | _MS_PRIVATE, None) == 0:
            _check(_libc.umount2(path, _MNT_DETACH | _NO_FOLLOW), target)
        if ctypes.get_errno() not in (errno.EINVAL, errno.ENOENT):
            _check(-1, target)


def _check(result: int, path: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
