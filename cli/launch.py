"""Where the command `kohakuriver` begins in a virtual environment: a Python that was started without `site`.

    bin/kohakuriver ─► python -PS launch.py bin/kohakuriver WORDS… ─► the folders of packages, by hand ─► main

`site` reads every .pth file and imports what they name, which takes longer than many a command. Here the one
folder of the environment's packages is added, and what is not in it brings `site` in after all. Whatever is
not called at once gets the whole environment first: `whole`.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

PACKAGE = "kohakuriver"
NOWHERE = sys.stdlib_module_names | {
    "org"
}  # what the standard library tries, and other systems and Jython have


class Missing:
    """The last finder: what nobody else finds may be where only `site` looks."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As Python asks for a module that is in no folder known so far."""
        if path is not None or name in NOWHERE or self not in sys.meta_path:
            return None
        whole()
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        return next((spec for spec in found if spec is not None), None)


_missing = Missing()
_added: list[str] = []
_prefixes = (sys.prefix, sys.exec_prefix)


def prepare(executable: str, own: str) -> None:
    """Makes KohakuRiver and what it needs importable; `own` is this file."""
    top = os.path.dirname(os.path.dirname(executable))  # noqa: PTH120 - pathlib takes longer than all of this
    packages = f"{top}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    _added.append(packages)
    if not os.path.exists(f"{packages}/{PACKAGE}/cli/launch.py"):  # noqa: PTH110
        _added.append(own.rpartition(f"/{PACKAGE}/")[0])  # installed in place
    sys.path += _added
    sys.prefix = sys.exec_prefix = top  # as `site` has it
    sys.meta_path.append(_missing)


def whole() -> None:
    """The environment as Python makes it without `-S`; nothing where it is so already."""
    if _missing not in sys.meta_path:
        return
    sys.meta_path.remove(_missing)
    sys.path[:] = [folder for folder in sys.path if folder not in _added]
    sys.prefix, sys.exec_prefix = _prefixes  # from which `site` begins
    import site

    site.main()


if __name__ == "__main__":
    prepare(sys.executable, sys.argv.pop(0))
    try:
        from kohakuriver.cli.main import run
    except (ImportError, PermissionError) as error:
        sys.exit(
            f"error: KohakuRiver cannot be read by this user, or is not whole: {error}\nhint: install it anew"
        )

    sys.exit(run(whole=whole))
