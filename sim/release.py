"""The version of the program."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """Return the version of the installed distribution, or 'unknown' in a bare checkout."""
    try:
        return version("inion")
    except PackageNotFoundError:
        return "unknown"
