"""What a user can mend, told in one line."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def library_faults() -> Iterator[None]:
    """Tell what goes wrong with the anatomies that are kept, their files and their disk, as one line. Raises BadInput."""
    from meshes import library

    try:
        yield
    except BadInput:
        raise
    except OSError as error:
        place = error.filename or library.folder()
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            cure = f"Make room, or set {library.FOLDER_VARIABLE} to a folder elsewhere; what was there is still good."
            raise BadInput(f"{place}: cannot be written ({error.strerror}). {cure}") from error
        fault = str(cannot("be used", place, error))
        raise BadInput(fault.replace("choose another folder with -o", f"set {library.FOLDER_VARIABLE} to another")) from error
    except ValueError as error:
        raise BadInput(" ".join(str(error).split())) from error
