"""What a disk can refuse, in one line that says what to do; and whether it would, asked
before any work."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from oer_pipeline.common.errors import OERError

GO_ON = "and give the same command again: it goes on"
IN_THE_WAY = "move away what lies in the way"
REMEDIES = {
    errno.ENOSPC: f"make room, {GO_ON}",
    errno.EDQUOT: f"make room within your quota, {GO_ON}",
    errno.EFBIG: "its file system takes no file so large; use another",
    errno.EROFS: f"make it writable, {GO_ON}",
    errno.EACCES: f"give yourself the right, {GO_ON}",
    errno.EPERM: f"give yourself the right, {GO_ON}",
    errno.EIO: "its disk fails; use another",
    errno.ENOTDIR: IN_THE_WAY,
    errno.EEXIST: IN_THE_WAY,
    errno.EISDIR: IN_THE_WAY,
    errno.ENAMETOOLONG: "choose shorter names",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "end other programs: too many files are open",
}
"""What of a machine's errors is a user's to mend, and how."""
NUMBER = re.compile(r"(?:os error |[Ee]rrno )(\d+)")
"""How libraries that raise errors of their own tell it."""
PROBE = bytes(65_536)


class StorageError(OERError, OSError):
    """The disk refuses a file or a folder."""


def storage_error(path: Path | str, error: BaseException) -> StorageError | None:
    """What an error says of the file at `path`, in one line.

    Args:
        path: what was to be written or read.
        error: anything; safetensors' and Arrow's own kinds included.

    Returns:
        None where it is no matter of the disk.
    """
    if isinstance(error, StorageError):
        return error
    number = getattr(error, "errno", None)
    found = NUMBER.search(str(error))
    if number is None and found is not None:
        number = int(found[1])
    if number not in REMEDIES:
        return None
    return StorageError(f"{path}: {os.strerror(number)}; {REMEDIES[number]}")


def check_places(paths: Iterable[Path]) -> None:
    """See that files can be written, before the work that makes them.

    Args:
        paths: of files to be written; their folders need not be there.

    Raises:
        StorageError: names the first file or folder that cannot.
    """
    seen = set()
    for path in paths:
        if path.is_dir():
            raise StorageError(f"{path}: a folder lies where a file belongs; move it")
        folder = _nearest(path.parent)
        if folder not in seen:
            seen.add(folder)
            _try_to_write(folder)


def check_file(path: Path) -> None:
    """See that a file, such as a database, can be changed, or made where there is none.

    Raises:
        StorageError: names what cannot.
    """
    check_places([path])
    if not path.exists():
        return
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        raise storage_error(path, error) or error from error


def _nearest(folder: Path) -> Path:
    """The folder, or the first one above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _try_to_write(folder: Path) -> None:
    if not folder.is_dir():
        raise StorageError(f"{folder}: a file lies where a folder belongs; move it")
    probe = folder / f".probe.{secrets.token_hex(4)}.tmp"
    try:
        probe.write_bytes(PROBE)
    except OSError as error:
        raise storage_error(folder, error) or error from error
    finally:
        with suppress(OSError):  # where nothing was written, nothing is to go
            probe.unlink(missing_ok=True)
