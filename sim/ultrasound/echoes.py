"""The compiled heart of a frame: echoes of scatterers and borders along every beam, in every elevation plane.

Method: section 3 of the project's notes on ultrasound; 2.5-D beams after Storve, Torp 2017 and Bürger 2013, scatterers locked
to the tissue.
Imported only where a frame is made.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from meshes.compiled import njit, prange
from sim.ultrasound.beams import STEP, F, nearest_cell, read_volume, slope_at
from sim.ultrasound.scatter import scatter

LATTICES = 4  # at most


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _db(x: Any) -> Any:
    """Amplitude of a level in dB; a short series where it is small, as it nearly always is."""
    y = x * F(0.11512925465)
    if y > F(-0.3):
        return F(1.0) + y * (F(1.0) + y * (F(0.5) + y * (F(1.0 / 6.0) + y * F(1.0 / 24.0))))
    return np.exp(y)


@njit(cache=True, nogil=True, fastmath=True)
def _fibre_tilt(fibres: Any, x: Any, y: Any, z: Any, way: Any, i: Any) -> Any:
    """Share (0 to 1) of the beam that runs along the fibres at a place counted in voxels; -1 where there are none."""
    a = min(max(int(x * F(0.25) + F(0.5)), 0), fibres.shape[0] - 1)
    b = min(max(int(y * F(0.25) + F(0.5)), 0), fibres.shape[1] - 1)
    c = min(max(int(z * F(0.25) + F(0.5)), 0), fibres.shape[2] - 1)
    f0, f1, f2 = F(fibres[a, b, c, 0]), F(fibres[a, b, c, 1]), F(fibres[a, b, c, 2])
    if f0 == 0 and f1 == 0 and f2 == 0:
        return F(-1.0)
    return min(abs(f0 * way[i, 0] + f1 * way[i, 1] + f2 * way[i, 2]) * F(1.0 / 32767.0), F(1.0))


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _by_tilt(table: Any, row: Any, tilt: Any) -> Any:
    """Read a table (rows, 256) by a share from 0 to 1, between its columns."""
    at = tilt * F(255.0)
    k = min(int(at), 254)
    return table[row, k] + (at - F(k)) * (table[row, k + 1] - table[row, k])


@njit(cache=True, nogil=True, fastmath=True)
def _in_nerve(
    px: Any, py: Any, pz: Any, rods: Any, across: Any, r: Any, way: Any, i: Any, pattern: Any, amplitude: Any, anisotropy: Any,
    row: Any
) -> Any:  # fmt: skip
    """Level of the echo within a nerve: dark fascicles in a bright sheath, and the loss by the nerve's tilt.

    `row` is the tissue of fascicles, the next one that of the sheath; `pattern` (64, 64) says where fascicles lie in a section
    of 4 mm.
    """
    tx, ty, tz = rods[r, 3] - rods[r, 0], rods[r, 4] - rods[r, 1], rods[r, 5] - rods[r, 2]
    length = max(np.sqrt(tx * tx + ty * ty + tz * tz), F(1e-6))
    tx, ty, tz = tx / length, ty / length, tz / length
    wx, wy, wz = px - rods[r, 0], py - rods[r, 1], pz - rods[r, 2]
    ax, ay, az = across[r, 0], across[r, 1], across[r, 2]
    u = wx * ax + wy * ay + wz * az
    v = wx * (ty * az - tz * ay) + wy * (tz * ax - tx * az) + wz * (tx * ay - ty * ax)
    radius = F(0.5) * (rods[r, 6] + rods[r, 7])
    a, b = min(max(int(u * F(16.0) + F(32.0)), 0), 63), min(max(int(v * F(16.0) + F(32.0)), 0), 63)
    tilt = min(abs(tx * way[i, 0] + ty * way[i, 1] + tz * way[i, 2]), F(1.0))
    if radius - np.sqrt(u * u + v * v) < F(0.22):
        return amplitude[row + 1] * _by_tilt(anisotropy, row + 1, tilt)
    return amplitude[row + 1 if pattern[a, b] == 0 else row] * _by_tilt(anisotropy, row, tilt)


@njit(cache=True, nogil=True, fastmath=True)
def _strike(real: Any, i: Any, at: Any, echo: Any, blot: Any) -> None:
    """Add a sharp echo at a fractional sample of a line; `blot` (16, 7) is its shape at sixteen places between two samples."""
    middle = int(at + F(0.5))
    if middle < 0 or middle > real.shape[1] + 3:
        return
    phase = int((at - F(middle) + F(0.5)) * F(15.99))
    for tap in range(7):
        s = middle + tap - 3
        if s >= 0 and s < real.shape[1]:
            real[i, s] += echo * blot[phase, tap]


@njit(cache=True, nogil=True, fastmath=True)
def _smear(real: Any, i: Any, at: Any, half: Any, echo: Any, blot: Any) -> None:
    """Add the echo of a border that runs obliquely through the thickness of a plane: spread over `half` samples to both sides."""
    if half < F(0.75):
        _strike(real, i, at, echo, blot)
        return
    count = min(int(F(3.0) * half + F(2.5)), 61)
    whole = F(0.0)
    for k in range(count):
        u = F(2.0) * F(k) / F(count - 1) - F(1.0)
        whole += np.exp(F(-3.0) * u * u)
    for k in range(count):
        u = F(2.0) * F(k) / F(count - 1) - F(1.0)
        _strike(real, i, at + F(1.4) * half * u, echo * np.exp(F(-3.0) * u * u) / whole, blot)


@njit(cache=True, nogil=True, fastmath=True)
def _facing(nx: Any, ny: Any, nz: Any, way: Any, i: Any, elevation: Any, stretch: Any) -> Any:
    """How a border with the normal (nx, ny, nz) at rest meets a beam: cosine of its tilt, and its rise along the elevation,
    mm per mm.
    """
    along = nx * way[i, 0] + ny * way[i, 1] + nz * way[i, 2]
    side = max(nx * nx + ny * ny + nz * nz - along * along, F(0.0))
    along *= stretch
    cosine = abs(along) / max(np.sqrt(along * along + side), F(1e-9))
    over = abs(nx * elevation[0] + ny * elevation[1] + nz * elevation[2])
    return cosine, over / max(abs(along), F(0.2) * over + F(1e-9))


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _fluid(px: Any, py: Any, pz: Any, pool: Any) -> Any:
    """Signed distance to the middle plane of the injectate (mm), and half its thickness there."""
    x, y, z = px - pool[0], py - pool[1], pz - pool[2]
    d = x * pool[3] + y * pool[4] + z * pool[5]
    square = (x * x + y * y + z * z - d * d) / max(pool[6] * pool[6], F(1e-9))
    return d, pool[7] * max(F(1.0) - square, F(0.0))


@njit(cache=True, parallel=True, fastmath=True)
def sound_beams(
    bricks: Any, fibres: Any, low: Any, inverse: Any, origin: Any, way: Any, skin: Any, bone: Any,
    count: Any, spans: Any, edges: Any, rods: Any, across: Any, rod_label: Any,
    tissue_of: Any, amplitude: Any, loss_square: Any, loss_along: Any, speed: Any, connective: Any, anisotropy: Any, bony: Any,
    reflect: Any, through: Any, diffuse: Any, special: Any, pattern: Any,
    texture: Any, lattice: Any, blend: Any, weight: Any, flat_weight: Any, spread: Any,
    pool: Any, drag: Any, elevation: Any, numbers: Any, mirror: Any, blot: Any, real: Any, imaginary: Any, seen: Any,
    first_bone: Any, vessel: Any,
) -> None:  # fmt: skip
    """Fill `real` and `imaginary` (lines, samples) with the complex echoes, before the beam's spread.

    Parameters
    ----------
    bricks, fibres, low, inverse
        The volume, its first voxel (mm RAS), voxels per mm; the last two float64, so that a place falls into the same part of
        the same
        voxel whichever box is held.
    origin, way : (lines, planes, 3), (lines, 3) float32 arrays
        Place on the face and unit direction, mm RAS.
    skin, bone : (lines, planes) float32 arrays
        Of `find_contact`; `bone` smoothed.
    count, spans, edges, rods, across, rod_label
        Of `cross_rods`; frames of the rods; label of each rod.
    tissue_of : (labels,) int32 array
        Row of each label in the tables of tissues.
    amplitude, loss_square, loss_along, speed : (tissues,) float32 arrays
        Amplitude of the scatterers; two-way loss, dB per mm, across and along fibres; speed of sound over 1540 m/s.
    connective, anisotropy : (tissues, 256) float32 arrays
        Factor by the share of connective tissue; factor by the share of the beam along the fibres.
    bony : (labels,) bool array
    reflect, through, diffuse : (tissues, tissues) float32 arrays
        Reflected and transmitted amplitude of a border, share that it scatters.
    special : (8,) int32 array
        Labels of gel, injectate; tissues of fascicle, sheath, tendon; air's label; ...
    pattern : (64, 64) uint8 array
        Fascicles.
    texture, lattice, blend
        Scatterers of `scatter.gather`; four lattices (4, 3, 4) float64 from mm RAS to steps of the texture, their shares (4,).
    weight, flat_weight : (planes, nodes) float32 arrays
        Of the planes for scatterers and for borders.
    spread : (nodes,) float32 array
        Gain of borders that undoes what the beam's spread takes.
    pool, drag : float32 arrays
        Injectate and needle drag; see `scene`.
    elevation : (3,) float32 array
        Of the probe, RAS.
    numbers : float32 array
        dz (mm), use of the true speed (0 or 1), longest gap of gel (mm); amplitudes of borders, of the skin's ladder, of bone's
        second echo;
        half the way between elevation planes (mm).
    mirror : (1024,) float32 array
        Echo of a smooth border by the square of the sine of its tilt.
    blot : (16, 7) float32 array
        Shape of a sharp echo; see `_strike`.
    real, imaginary, seen, first_bone, vessel
        Out: echoes (lines, samples) float32; labels (lines, samples) int16 of the middle plane; depth of the first bone
        (lines,) of the middle
        plane; how much (0 to 1, over the planes) of each node lies in an artery or vein, and in which rod (lines, nodes, 2).
    """
    lines, samples = real.shape
    planes = origin.shape[1]
    nodes = samples // STEP + 1
    dz, true_speed, gel_mm, border_level = numbers[0], numbers[1], numbers[2], numbers[3]
    ladder_level, skull_level = numbers[4], numbers[5]
    node_mm = dz * F(STEP)
    centre_plane = planes // 2
    used = 1
    while used < LATTICES and blend[used] > F(0.023):
        used += 1
    flat, counts = bricks.reshape(-1), bricks.shape
    for i in prange(lines):
        place, height = np.empty(nodes, dtype=np.int32), np.empty(nodes, dtype=np.int32)
        loud, cuts = np.empty(nodes, dtype=np.float32), np.empty(nodes, dtype=np.float32)
        index, both = np.empty(nodes, dtype=np.uint16), np.empty(nodes, dtype=np.uint32)
        noise, spots = np.empty((2, STEP, nodes), dtype=np.float32), np.empty((3, nodes), dtype=np.float32)
        for s in range(samples):
            real[i, s], imaginary[i, s] = F(0.0), F(0.0)
        first_bone[i] = F(1e9)
        for n in range(nodes):
            vessel[i, n, 0], vessel[i, n, 1] = F(0.0), F(-1.0)
        for e in range(planes):
            h, deep = skin[i, e], bone[i, e]
            ox, oy, oz = origin[i, e, 0], origin[i, e, 1], origin[i, e, 2]
            contact = h <= gel_mm
            stretch = (deep - h) / deep if h < 0 else F(1.0)
            strength = F(1.0)
            true_z, span, safe, last = F(0.0), 0, F(0.0), 0
            label_before, depth_before = 0, F(0.0)
            rod_before = -1
            rest_before = h if h < 0 else F(0.0)
            loss_before, known_before = F(0.0), False
            tilt, tissue_before, gap_before = F(-1.0), -1, F(1.0)
            shadowed = False
            for n in range(nodes):
                rest = h + stretch * true_z if (h < 0 and true_z < deep) else true_z
                px, py, pz = ox + rest * way[i, 0], oy + rest * way[i, 1], oz + rest * way[i, 2]
                if not shadowed and true_z > edges[i, e, 0]:
                    strength *= edges[i, e, 1]
                    shadowed = True
                wet, moved, gap = False, False, F(1.0)
                if pool[8] > 0:
                    away, half = _fluid(px, py, pz, pool)
                    gap = abs(away) - half
                    if abs(away) < half:
                        wet = True
                    elif half > 0 and gap < F(4.0) * pool[9]:
                        move = half * np.exp(-(abs(away) - half) / pool[9]) * (F(1.0) if away > 0 else F(-1.0))
                        px, py, pz = px - move * pool[3], py - move * pool[4], pz - move * pool[5]
                        safe, moved = F(0.0), True
                if drag[7] > 0:
                    gx, gy, gz = px - drag[0], py - drag[1], pz - drag[2]
                    back = -(gx * drag[3] + gy * drag[4] + gz * drag[5])
                    out2 = max(gx * gx + gy * gy + gz * gz - back * back, F(0.0))
                    if back > -drag[8] and back < F(3.0) * drag[9] and out2 < F(9.0) * drag[8] * drag[8]:
                        fade = np.exp(-max(back, F(0.0)) / drag[9]) if back > 0 else F(1.0) + back / drag[8]
                        move = drag[7] * np.exp(-out2 / (drag[8] * drag[8])) * fade
                        px, py, pz = px - move * drag[3], py - move * drag[4], pz - move * drag[5]
                        safe, moved = F(0.0), True
                vx, vy, vz = (px - low[0]) * inverse, (py - low[1]) * inverse, (pz - low[2]) * inverse
                # what is here: nerve or vessel, then injectate, then the volume
                while span < count[i, e] and spans[i, e, span, 1] < rest:
                    span += 1
                rod = -1
                label, depth, known = 0, F(0.0), False
                if span < count[i, e] and spans[i, e, span, 0] <= rest:
                    rod = int(spans[i, e, span, 3])
                    label, depth = int(rod_label[rod]), F(0.0)
                    safe = F(0.0)
                elif wet:
                    label, safe = int(special[1]), F(0.0)
                elif not contact:
                    label = int(special[5])
                elif rest < h - F(1e-4):
                    label, safe = int(special[0]), F(0.0)
                else:
                    safe -= rest - rest_before
                    if safe > 0:
                        label, depth = label_before, safe
                    else:
                        label, depth = read_volume(flat, counts, vx, vy, vz)
                        known = True
                        if label == 0:
                            label = int(special[5]) if rest > h + F(0.4) else 1
                        safe = depth * F(0.95)
                tissue = tissue_of[label]
                level, loss = amplitude[tissue], loss_square[tissue]
                if rod >= 0:
                    if tissue == special[2]:
                        level = _in_nerve(px, py, pz, rods, across, rod, way, i, pattern, amplitude, anisotropy, tissue)
                    elif vessel[i, n, 1] < 0 or e == centre_plane:
                        vessel[i, n, 1] = rod
                    if tissue != special[2]:
                        vessel[i, n, 0] += flat_weight[e, n]
                elif label < special[6]:
                    cell = nearest_cell(flat, counts, vx, vy, vz)
                    level *= connective[tissue, (cell >> 16) & 255]
                    if anisotropy[tissue, 255] < F(0.99):
                        if (n & 1) == 0 or tissue != tissue_before:
                            tilt = _fibre_tilt(fibres, vx, vy, vz, way, i)
                            tissue_before = tissue
                        if tilt >= 0:
                            level *= _by_tilt(anisotropy, tissue, tilt)
                            loss += tilt * tilt * (loss_along[tissue] - loss)
                            share = F((cell >> 24) & 255) * F(1.0 / 255.0)
                            if share > F(0.02):
                                tendon = amplitude[special[4]] * _by_tilt(anisotropy, special[4], tilt)
                                level += share * (tendon - level)
                                loss += share * (loss_square[special[4]] - loss)
                # the border between the last node and this one
                cut = F(-1.0)
                if (
                    n > 0
                    and (label != label_before or rod != rod_before)
                    and (label != label_before or rod < 0 or rod_before < 0)
                ):
                    t_before = tissue_of[label_before]
                    if rod >= 0 and rod_before < 0:
                        cut = (spans[i, e, span, 0] - rest_before) / max(rest - rest_before, F(1e-6))
                    elif rod_before >= 0 and rod < 0:
                        left = span - 1 if span > 0 else 0
                        cut = (spans[i, e, left, 1] - rest_before) / max(rest - rest_before, F(1e-6))
                    elif wet or label_before == special[1]:
                        cut = gap_before / (gap_before - gap) if gap != gap_before else F(0.5)
                    else:
                        if not known_before:
                            mx, my, mz = (
                                px - (rest - rest_before) * way[i, 0],
                                py - (rest - rest_before) * way[i, 1],
                                pz - (rest - rest_before) * way[i, 2],
                            )
                            other, depth_before = read_volume(
                                flat, counts, (mx - low[0]) * inverse, (my - low[1]) * inverse, (mz - low[2]) * inverse
                            )
                            if other != label_before:
                                depth_before = F(0.0)
                        if not known:
                            other, depth = read_volume(flat, counts, vx, vy, vz)
                        cut = depth_before / max(depth_before + depth, F(1e-4))
                    cut = min(max(cut, F(0.0)), F(1.0))
                    r = reflect[t_before, tissue]
                    if r > 0:
                        squeeze = stretch if true_z < deep else F(1.0)
                        if rod >= 0 or rod_before >= 0:
                            q = rod if rod >= 0 else rod_before
                            spot = rest_before + cut * (rest - rest_before)
                            wx, wy, wz = (
                                ox + spot * way[i, 0] - rods[q, 0],
                                oy + spot * way[i, 1] - rods[q, 1],
                                oz + spot * way[i, 2] - rods[q, 2],
                            )
                            tx, ty, tz = rods[q, 3] - rods[q, 0], rods[q, 4] - rods[q, 1], rods[q, 5] - rods[q, 2]
                            s = (wx * tx + wy * ty + wz * tz) / max(tx * tx + ty * ty + tz * tz, F(1e-9))
                            cosine, rise = _facing(wx - s * tx, wy - s * ty, wz - s * tz, way, i, elevation, squeeze)
                        elif wet or label_before == special[1]:
                            cosine, rise = _facing(pool[3], pool[4], pool[5], way, i, elevation, F(1.0))
                        else:
                            spot = (cut - F(1.0)) * (rest - rest_before)
                            cx, cy, cz = px + spot * way[i, 0], py + spot * way[i, 1], pz + spot * way[i, 2]
                            g0, g1, g2 = slope_at(
                                flat, counts, (cx - low[0]) * inverse, (cy - low[1]) * inverse, (cz - low[2]) * inverse
                            )
                            cosine, rise = _facing(g0, g1, g2, way, i, elevation, squeeze)
                        kappa = diffuse[t_before, tissue]
                        sine = min(max(F(1.0) - cosine * cosine, F(0.0)), F(1.0))
                        echo = r * strength * (mirror[int(sine * F(1023.0))] + kappa) / (F(1.0) + kappa)
                        echo *= flat_weight[e, n] * border_level * spread[n]
                        at = (F(n - 1) + cut) * F(STEP)
                        half = rise * numbers[6] / dz
                        _smear(real, i, at, half, echo, blot)
                        if bony[label] and first_bone[i] > F(1e8) and e == centre_plane:
                            first_bone[i] = at * dz
                        if bony[label] and skull_level > 0:
                            _smear(real, i, F(2.0) * at, F(2.0) * half, skull_level * echo * strength, blot)
                    after = through[t_before, tissue]
                    mean_loss = loss_before * cut + loss * (F(1.0) - cut)
                else:
                    after, mean_loss = F(1.0), F(0.5) * (loss_before + loss)
                spots[0, n], spots[1, n], spots[2, n] = rest * way[i, 0], rest * way[i, 1], rest * way[i, 2]
                if moved:
                    spots[0, n], spots[1, n], spots[2, n] = px - ox, py - oy, pz - oz
                if n > 0:
                    strength *= _db(-mean_loss * node_mm) * after
                loud[n], cuts[n] = level * strength * weight[e, n], cut
                if e == centre_plane and n > 0:
                    for s in range(STEP):
                        share = F(s) * F(1.0 / STEP)
                        seen[i, (n - 1) * STEP + s] = label if (cut >= 0 and share >= cut) else label_before
                last = n
                label_before, depth_before, rod_before = label, depth, rod
                rest_before, loss_before, known_before, gap_before = rest, loss, known, gap
                if strength < F(1e-5):
                    break
                true_z += node_mm * (speed[tissue] if true_speed > 0 else F(1.0))
            # a quarter turn of phase from one plane to the next, so that grains which reach from plane to plane do not add up
            if (e & 1) == 0:
                scatter(
                    real, imaginary, i, last, loud, cuts, spots, ox, oy, oz, texture, lattice, blend, used, place, height, index,
                    both, noise, F(1.0),
                )  # fmt: skip
            else:
                scatter(
                    imaginary, real, i, last, loud, cuts, spots, ox, oy, oz, texture, lattice, blend, used, place, height, index,
                    both, noise, F(-1.0),
                )  # fmt: skip
            # what the probe's own face and a gap of air send back
            if e == centre_plane:
                ringing = ladder_level if contact else F(6.0) * ladder_level
                pitch = F(0.45) if contact else F(1.1)
                for rung in range(1, 4 if contact else 14):
                    _strike(real, i, rung * pitch / dz, ringing * np.exp(F(-0.8) * rung), blot)
