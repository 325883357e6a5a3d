"""What a user can mend, told in one line."""

from __future__ import annotations

import errno
from pathlib import Path


class BadInput(ValueError):
    """A request that cannot be met as it stands; its text is one line."""


def cannot(verb: str, path: str | Path, error: OSError) -> BadInput:
    """Return the fault for a file that cannot be read or written, with the cure where it is known."""
    cures = {
        errno.ENOSPC: "The disk is full; make room or choose another folder with -o.",
        errno.EDQUOT: "Your quota is used up; make room or choose another folder with -o.",
        errno.EACCES: "You have no right to; choose another folder with -o.",
        errno.EPERM: "You have no right to; choose another folder with -o.",
        errno.EROFS: "It is on a read-only disk; choose another folder with -o.",
        errno.ENOTDIR: "A part of the path is a file.",
        errno.EEXIST: "There is a file of that name.",
        errno.ENAMETOOLONG: "The name is too long.",
    }
    cure = cures.get(error.errno or 0, "")
    if "writ" not in verb:
        cure = f"{cure.split(';')[0].rstrip('.')}." if cure else ""
    return BadInput(f"{path}: cannot {verb} ({error.strerror or error}). {cure}".strip())
