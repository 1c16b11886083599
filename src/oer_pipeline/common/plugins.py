"""The folder `plugins` beside `conf`: the user's packages, which need no installing.

Whatever reads the configuration puts it on the import path; processes that are spawned
from there inherit the path. Installed packages come first: no plug-in hides one.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

FOLDER = "plugins"
CONFIGURATION = "conf"

_in_use: Path | None = None


def use(project: Path) -> bool:
    """Put the plug-ins of `project`, the folder that holds `conf`, on the import path.

    One project's at a time: modules that came from another one's are forgotten.

    Returns:
        Whether another project's plug-ins were in use until now.
    """
    global _in_use
    folder = Path(project).absolute() / FOLDER
    before = _in_use
    _in_use = folder
    changed = before is not None and before != folder
    if before is not None and changed:
        _forget(before)
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))
    importlib.invalidate_caches()
    return changed


def use_nearest() -> None:
    """Where no configuration was read, use those of the project around the working
    folder.

    That is for notebooks and scripts that take the core alone.
    """
    if _in_use is not None:
        return
    here = Path.cwd()
    for folder in [here, *here.parents]:
        has_configuration = (folder / CONFIGURATION).is_dir()
        has_plugins = (folder / FOLDER).is_dir()
        if has_configuration and has_plugins:
            use(folder)
            return


def advice(module: str) -> str:
    """How `module` becomes importable."""
    top = module.partition(".")[0]
    place = _in_use or f"the folder {FOLDER}/ beside {CONFIGURATION}/"
    return f"put {top}.py, or the package {top}, into {place}, or install it"


def _forget(folder: Path) -> None:
    """Take a folder off the import path, and the modules that came from it."""
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    modules = dict(sys.modules)
    for name, module in modules.items():
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(folder):
            del sys.modules[name]
