from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("meshes", "scenarios", "sim")
SOURCES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py") if "__pycache__" not in p.parts)

# Every module has its place; it may import only what stands before it.
ORDER = """
meshes._check meshes.points meshes.terms meshes.references meshes.frames meshes.fields meshes.curves meshes.charts meshes.model
meshes.archive
