"""Numba as this project uses it. Imported only by modules of compiled loops.

OpenMP comes before TBB among its threading layers: it is quicker here, and a TBB that another library brought along may be
too old.
"""

from __future__ import annotations

from numba import config, get_num_threads, njit, prange, set_num_threads

config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]  # type: ignore[attr-defined]  # numba makes it at run time

__all__ = ["get_num_threads", "njit", "prange", "set_num_threads"]
