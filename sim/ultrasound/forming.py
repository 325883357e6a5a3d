"""Compiled loops from raw echoes to the picture: the beam's spread, envelope, gain, logarithm, scan conversion."""

from __future__ import annotations

from typing import Any

import numpy as np

from meshes.compiled import njit, prange

F = np.float32
BLOCK = 32  # columns that are converted together, so that their lines stay close to the core


@njit(cache=True, parallel=True, fastmath=True)
def spread_axially(real: Any, imaginary: Any, kernel: Any, out_real: Any, out_imaginary: Any) -> None:
    """Convolve every line (lines, samples) with a symmetric `kernel` (taps,), its middle first."""
    lines, samples = real.shape
    half = len(kernel) - 1
    for i in prange(lines):
        padded, total = np.zeros(samples + 2 * half, dtype=np.float32), np.empty(samples, dtype=np.float32)
        _convolve(real[i], kernel, padded, total)
        out_real[i, :] = total
        _convolve(imaginary[i], kernel, padded, total)
        out_imaginary[i, :] = total


@njit(cache=True, nogil=True, fastmath=True)
def _convolve(line: Any, kernel: Any, padded: Any, total: Any) -> None:
    """Convolve one line with a symmetric kernel; `padded` has zeros at both ends."""
    samples, half = len(total), len(kernel) - 1
    padded[half : half + samples] = line
    for s in range(samples):
        total[s] = kernel[0] * padded[half + s]
    for tap in range(1, half + 1):
        k = kernel[tap]
        left, right = padded[half - tap : half - tap + samples], padded[half + tap : half + tap + samples]
        for s in range(samples):
            total[s] += k * (left[s] + right[s])


@njit(cache=True, parallel=True, fastmath=True)
def detect(real: Any, imaginary: Any, kernel: Any, floor: Any, noise: Any, gain_db: Any, out: Any) -> None:
    """Convolve across lines, add noise, take the envelope, amplify, take the logarithm.

    Parameters
    ----------
    real, imaginary : (lines, samples) float32 arrays
        Echoes.
    kernel : (taps, samples) float32 array
        Half of the symmetric lateral kernel at every depth, its middle first.
    floor : float
        Amplitude of the receiver's noise.
    noise : (lines + 1, samples) complex parts as (2, lines, samples) int8 array
        Fixed noise, deviation 32.
    gain_db : (samples,) float32 array
        Of time-gain compensation and gain.
    out : (lines, samples) float32 array
        Level in dB.
    """
    lines, samples = real.shape
    half = len(kernel) - 1
    for i in prange(lines):
        a, b = np.empty(samples, dtype=np.float32), np.empty(samples, dtype=np.float32)
        for s in range(samples):
            a[s] = kernel[0, s] * real[i, s] + floor * F(noise[0, i, s])
            b[s] = kernel[0, s] * imaginary[i, s] + floor * F(noise[1, i, s])
        for tap in range(1, half + 1):
            for other in (i - tap, i + tap):
                if other < 0 or other >= lines:
                    other = min(max(other, 0), lines - 1)
                for s in range(samples):
                    a[s] += kernel[tap, s] * real[other, s]
                    b[s] += kernel[tap, s] * imaginary[other, s]
        for s in range(samples):
            a[s] = a[s] * a[s] + b[s] * b[s] + F(1e-30)
        # the logarithm from the bits of the number: exact to 0.0005 dB, and done for many samples at once
        bits = a.view(np.int32)
        for s in range(samples):
            whole = (bits[s] >> 23) - 127
            b[s] = F(whole)
            bits[s] = (bits[s] & 0x007FFFFF) | 0x3F800000
        for s in range(samples):
            m = a[s] - F(1.0)
            poly = m * (
                F(1.44254494)
                + m * (F(-0.71814525) + m * (F(0.45754919) + m * (F(-0.27790427) + m * (F(0.12313785) - m * F(0.02671829)))))
            )
            out[i, s] = F(3.0102999566) * (b[s] + poly) + gain_db[s]


@njit(cache=True, parallel=True, fastmath=True)
def convert_flat(
    levels: Any,
    seen: Any,
    line: Any,
    share: Any,
    sample: Any,
    part: Any,
    bottom: Any,
    scale: Any,
    curve: Any,
    pixels: Any,
    labels: Any,
) -> None:
    """Read lines and samples on the pixels of a rectangular picture; as `convert`, with whole and fractional places apart.

    `line`, `share` (columns,) and `sample`, `part` (rows,) are int32 and float32.
    """
    rows, columns = pixels.shape
    blocks = (columns + BLOCK - 1) // BLOCK
    for block in prange(blocks):
        first, last = block * BLOCK, min((block + 1) * BLOCK, columns)
        for r in range(rows):
            k, v = sample[r], part[r]
            near = k if v < F(0.5) else k + 1
            for c in range(first, last):
                i, u = line[c], share[c]
                a, b = (
                    levels[i, k] + v * (levels[i, k + 1] - levels[i, k]),
                    levels[i + 1, k] + v * (levels[i + 1, k + 1] - levels[i + 1, k]),
                )
                level = (a + u * (b - a) - bottom) * scale
                pixels[r, c] = curve[int(min(max(level, F(0.0)), F(255.0)))]
                labels[r, c] = seen[i if u < F(0.5) else i + 1, near]


@njit(cache=True, parallel=True, fastmath=True)
def convert(
    levels: Any, seen: Any, line: Any, sample: Any, bottom: Any, scale: Any, curve: Any, pixels: Any, labels: Any
) -> None:
    """Read lines and samples on the pixels of a sector.

    Parameters
    ----------
    levels, seen : (lines, samples) arrays
        dB, and labels.
    line, sample : (rows, columns) float32 arrays
        Line and sample under each pixel; line below 0 outside the sector.
    bottom, scale : float
        Level that is black, dB; steps of `curve` per dB.
    curve : (256,) uint8 array
        Grey map.
    pixels, labels : (rows, columns) uint8, int16 arrays
        Out.
    """
    rows, columns = pixels.shape
    lines, samples = levels.shape
    for r in prange(rows):
        for c in range(columns):
            x, z = line[r, c], sample[r, c]
            if x < 0:
                pixels[r, c], labels[r, c] = 0, 0
                continue
            i, k = min(int(x), lines - 2), min(int(z), samples - 2)
            u, v = F(x - i), F(z - k)
            top = levels[i, k] + u * (levels[i + 1, k] - levels[i, k])
            low = levels[i, k + 1] + u * (levels[i + 1, k + 1] - levels[i, k + 1])
            level = (top + v * (low - top) - bottom) * scale
            pixels[r, c] = curve[int(min(max(level, F(0.0)), F(255.0)))]
            labels[r, c] = seen[int(x + F(0.5)), int(z + F(0.5))]
