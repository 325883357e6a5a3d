"""The records of attempts, as a command is told to open them."""

from __future__ import annotations

from pathlib import Path

from sim.commands.faults import BadInput, cannot
from sim.records import Records


def opened(path: str | None) -> Records:
    """Return the records at a path, or where the user's are kept. Raises BadInput."""
    try:
        return Records(None if path is None else Path(path))
    except OSError as error:
        known = error.filename is not None
        raise (cannot("be used for records", error.filename, error) if known else BadInput(str(error))) from error
    except ValueError as error:
        raise BadInput(str(error)) from error
