"""What sound meets: speed, density, loss and echo of each tissue, read from `sim/data/tissues.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes._check import check_choice
from sim.tables import table

Array = NDArray[np.float64]
SQUARE_DEG = 90.0
ROUNDING_DEG = 1e-6  # an arc cosine may end a little beyond a right angle


@dataclass(frozen=True)
class Tissue:
    """One tissue.

    Parameters
    ----------
    key, label : str
        Name in the table, and in words.
    sound_speed_m_s, density_kg_m3 : float
        At body temperature.
    attenuation_db_cm_mhz, attenuation_along_db_cm_mhz : float
        Loss, one way, dB per cm and MHz: beam square to the fibres, and along them. Equal where there are no fibres.
    backscatter_db : float
        Level of the speckle's amplitude, dB against muscle across its fibres, beam square to the fibres.
    anisotropy : {'none', 'linear', 'square'}
        How the backscatter falls as the beam tilts away from square to the fibres; see `loss_db`.
    anisotropy_db, anisotropy_deg : float
        Loss at a tilt, dB, and that tilt.
    anisotropy_floor_db : float
        Most that is lost at any tilt, dB.
    boundary_reflection : float
        Amplitude, 0 to 1, that the thin connective layer at the surface reflects, beside the jump of impedance.
    diffuse_share : float
        Share of a boundary's echo that does not depend on the angle.
    sources : tuple of str
        Keys of `meshes/data/references.toml`.
    evidence : mapping of str to str
        FOUND, DERIVED, KNOWN or design, by quantity.
    """

    key: str
    label: str
    sound_speed_m_s: float
    density_kg_m3: float
    attenuation_db_cm_mhz: float
    attenuation_along_db_cm_mhz: float
    backscatter_db: float
    anisotropy: Literal["none", "linear", "square"]
    anisotropy_db: float
    anisotropy_deg: float
    anisotropy_floor_db: float
    boundary_reflection: float
    diffuse_share: float
    sources: tuple[str, ...]
    evidence: Mapping[str, str] = field(hash=False)

    @property
    def impedance_mrayl(self) -> float:
        """Acoustic impedance, 10^6 kg/(m2 s)."""
        return self.sound_speed_m_s * self.density_kg_m3 / 1e6

    def loss_db(self, tilt_deg: ArrayLike) -> Array:
        """Return what the backscatter loses when the beam is not square to the fibres.

        Linear up to `anisotropy_deg` as in muscle (Topp 2000), or with the square of the tilt as in tendon and nerve (angles
        of Gray's atlas); never more than `anisotropy_floor_db`.

        Parameters
        ----------
        tilt_deg : array of any shape
            Between the beam and the plane square to the fibres, degrees, -90 to 90; the sign does not matter.

        Returns
        -------
        array of the same shape
            dB, 0 or more.

        Raises
        ------
        ValueError
            If a tilt is not a number, or beyond a right angle.

        References
        ----------
        topp2000, gray_atlas
        """
        tilt = np.abs(np.asarray(tilt_deg, dtype=np.float64))
        if not (tilt <= SQUARE_DEG + ROUNDING_DEG).all():
            raise ValueError("tilt_deg holds a value that is no tilt. Allowed: finite degrees from -90 to 90.")
        share = tilt / self.anisotropy_deg
        if self.anisotropy == "none":
            return np.zeros_like(tilt)
        grown = np.minimum(share, 1.0) if self.anisotropy == "linear" else share**2
        return np.asarray(np.minimum(self.anisotropy_db * grown, self.anisotropy_floor_db))


def reflection(a: Tissue, b: Tissue) -> float:
    """Return the amplitude, 0 to 1, that a smooth boundary between two tissues reflects when met square."""
    one, other = a.impedance_mrayl, b.impedance_mrayl
    return abs(other - one) / (one + other)


@cache
def tissues() -> Mapping[str, Tissue]:
    """Return every tissue by key, in the order of the table."""
    rows = table("tissues")
    return MappingProxyType({key: _tissue(key, row, rows["usual"]) for key, row in rows["tissues"].items()})


def tissue(key: str) -> Tissue:
    """Return one tissue. Raises ValueError naming the nearest keys."""
    return tissues()[check_choice("tissue", key, tissues())]


def tissue_of(anatomy_tissue: str) -> Tissue:
    """Return the tissue that stands for a class of tissue of the anatomy, as in `Structure.tissue`.

    Raises
    ------
    ValueError
        If the class is not in the table; names the nearest ones.
    """
    classes: Mapping[str, str] = table("tissues")["classes"]
    return tissue(classes[check_choice("class of tissue", anatomy_tissue, classes)])


def tissue_for(key: str, anatomy_tissue: str) -> Tissue:
    """Return the tissue of a structure: its own, where the table names it, else that of its class. Raises ValueError as
    `tissue_of`.
    """
    own: Mapping[str, str] = table("tissues")["structures"]
    return next((tissue(row) for start, row in own.items() if key.startswith(start)), None) or tissue_of(anatomy_tissue)


def _tissue(key: str, row: Mapping[str, Any], usual: Mapping[str, Any]) -> Tissue:
    """A row of the table, completed by what is usual."""
    across = "attenuation_db_cm_mhz"
    evidence = {name: usual["evidence"] for name in usual if name not in ("sources", "evidence")} | row["evidence"]
    evidence.setdefault("attenuation_along_db_cm_mhz", evidence[across])
    along = {"attenuation_along_db_cm_mhz": row[across]}
    values = {**usual, **along, **row, "sources": tuple(row["sources"]), "evidence": MappingProxyType(evidence)}
    return Tissue(key=key, **{f.name: values[f.name] for f in fields(Tissue) if f.name != "key"})
