"""A chest in code: what there is besides the lesions, and how it lies at each date.

Nothing here claims to be a person. The shapes, CT numbers and uptakes are those a text book gives,
so that a network, a threshold and a registration find what they look for: a body on a table, air
in the lungs with branching vessels, a heart, bones, a liver; uptake in heart wall, liver and blood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imaging.volume import FloatArray, Grid
from recist.phantom.solids import (
    Canvas,
    Coordinates,
    Millimetres3,
    PlaneValues,
    Solid,
    Tissue,
    ellipsoid,
    tube,
)

BODY_SEMI_MM = (166.0, 108.0)
CHEST_SEMI_MM = (136.0, 86.0)
RIB_PITCH_MM = 27.0
VERTEBRA_PITCH_MM = 25.0
#: Branchings of the lung vessels; six start at each hilum.
VESSEL_GENERATIONS = 4


@dataclass(frozen=True, slots=True)
class Pose:
    """How the patient lies on the table at one date.

    Attributes:
        shift_mm: of the patient in the scanner.
        turn_deg: about the vertical axis of the image (head to foot).
        breath_mm: how much lower the diaphragm stands than in the model; fades out upwards.
    """

    shift_mm: Millimetres3 = (0.0, 0.0, 0.0)
    turn_deg: float = 0.0
    breath_mm: float = 0.0

    @property
    def rotation(self) -> FloatArray:
        """3 x 3, patient model to scanner."""
        cos, sin = np.cos(np.deg2rad(self.turn_deg)), np.sin(np.deg2rad(self.turn_deg))
        return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])

    def sinks_mm(self, z_mm: PlaneValues) -> PlaneValues:
        """How far an organ at this height of the chest goes down (mm)."""
        return np.asarray(self.breath_mm * np.clip((70 - z_mm) / 110, 0, 1), dtype=np.float32)

    def settled(self, centre_mm: Millimetres3) -> Millimetres3:
        """Where the breathing carries a point of the model."""
        x, y, z = centre_mm
        return x, y, z - float(self.sinks_mm(np.array([z], dtype=np.float32))[0])


def coordinates(grid: Grid, pose: Pose) -> tuple[Coordinates, Coordinates]:
    """Model coordinates (k, j, i) of every voxel: of what stays, and of what breathes."""
    inverse = pose.rotation.T
    affine = inverse @ grid.affine[:3, :3]
    origin = inverse @ (grid.origin_mm - np.array(pose.shift_mm))
    k, j, i = (np.arange(n, dtype=np.float32) for n in reversed(grid.shape))
    x, y, z = (
        (
            (np.float32(affine[row, 2]) * k + np.float32(origin[row]))[:, None, None]
            + (np.float32(affine[row, 1]) * j)[None, :, None]
            + (np.float32(affine[row, 0]) * i)[None, None, :]
        ).astype(np.float32)
        for row in range(3)
    )
    return (x, y, z), (x, y, z + pose.sinks_mm(z))


def _column(semi_mm: tuple[float, float], exponent: float, waist: float = 0.0) -> Solid:
    """An upright superellipse through the whole image, ``waist`` narrower towards the top."""

    def distance(x: PlaneValues, y: PlaneValues, z: PlaneValues) -> PlaneValues:
        scale = 1 - waist * np.clip((z - 20) / 90, 0, 1) ** 2
        u = np.abs(x) / (semi_mm[0] * scale)
        v = np.abs(y) / semi_mm[1]
        radius = (u**exponent + v**exponent) ** (1 / exponent)
        return np.asarray((radius - 1) * np.hypot(x, y) / np.maximum(radius, 0.05), np.float32)

    return Solid(distance)


def _within(height: PlaneValues, pitch_mm: float) -> PlaneValues:
    """Height above the middle of its own period."""
    part = height / np.float32(pitch_mm)
    return np.asarray((part - np.floor(part) - np.float32(0.5)) * np.float32(pitch_mm))


def _ribs() -> Solid:
    """Rings on the chest wall that fall towards the front."""

    def distance(x: PlaneValues, y: PlaneValues, z: PlaneValues) -> PlaneValues:
        u, v = x / CHEST_SEMI_MM[0], y / CHEST_SEMI_MM[1]
        radius = np.hypot(u, v)
        wall = (radius - 1) * np.hypot(x, y) / np.maximum(radius, 0.05)
        height = z - 0.28 * y
        level = _within(height, RIB_PITCH_MM)
        ring = np.hypot(wall / 3.4, level / 5.6) - 1
        # In front the ribs are cartilage, behind they join the spine.
        front = np.where(y < -55, 6.0, 0.0)
        return np.asarray(ring * 3.6 + front, dtype=np.float32)

    return Solid(distance)


def _vertebrae(radius_mm: float, disc_mm: float) -> Solid:
    """Bodies of the spine with gaps for the discs."""

    def distance(x: PlaneValues, y: PlaneValues, z: PlaneValues) -> PlaneValues:
        side = np.hypot(x / 1.15, y - 66) - radius_mm
        level = np.abs(_within(z, VERTEBRA_PITCH_MM))
        return np.asarray(
            np.maximum(side, level - (VERTEBRA_PITCH_MM / 2 - disc_mm)), dtype=np.float32
        )

    return Solid(distance, (0.0, 66.0, 0.0), (30.0, 30.0, 400.0))


def _lungs() -> tuple[Solid, ...]:
    """Both lungs, cut off below by the domes of the diaphragm."""

    def lung(side: float, semi_mm: Millimetres3, dome_mm: float) -> Solid:
        whole = ellipsoid((side, 2.0, 0.0), semi_mm, moves=True)

        def distance(x: PlaneValues, y: PlaneValues, z: PlaneValues) -> PlaneValues:
            bowl = 0.0085 * ((x - side) ** 2 + 0.8 * (y + 12) ** 2)
            return np.maximum(whole.distance(x, y, z), dome_mm - bowl - z)

        return Solid(distance, whole.centre_mm, whole.reach_mm, moves=True)

    return lung(-72.0, (57.0, 76.0, 104.0), -30.0), lung(74.0, (55.0, 75.0, 104.0), -40.0)


LUNGS = _lungs()
LUNG = tuple(Tissue(lung, -835.0, 0.45) for lung in LUNGS)
BODY = _column(BODY_SEMI_MM, 2.4, waist=0.05)

WALL = (
    Tissue(BODY, -102.0, 0.3),
    Tissue(_column((154.0, 97.0), 2.4, waist=0.05), 48.0, 0.65),
    Tissue(_column((129.0, 79.0), 2.1), -85.0, 0.35),
    Tissue(ellipsoid((142.0, 2.0, 66.0), (20.0, 38.0, 40.0)), -95.0, 0.35),  # armpits
    Tissue(ellipsoid((-142.0, 2.0, 66.0), (20.0, 38.0, 40.0)), -95.0, 0.35),
)
TABLE_TOP_Y_MM = 113.0

BONES = (
    Tissue(_ribs(), 420.0, 0.9),
    Tissue(ellipsoid((0.0, -84.0, 20.0), (19.0, 6.0, 75.0)), 260.0, 0.9),  # breast bone
    Tissue(_vertebrae(19.0, -1.0), 60.0, 0.8),  # discs
    Tissue(_vertebrae(19.0, 2.0), 480.0, 1.2),
    Tissue(_vertebrae(16.5, 4.5), 190.0, 1.5),
    Tissue(tube((0.0, 92.0, -140.0), (0.0, 92.0, 140.0), 12.0), 330.0, 1.0),  # arches
    Tissue(tube((0.0, 92.0, -140.0), (0.0, 92.0, 140.0), 8.0), 25.0, 0.6),  # canal
)

UPPER_ABDOMEN = (
    Tissue(ellipsoid((-52.0, -2.0, -92.0), (80.0, 76.0, 58.0), moves=True), 62.0, 2.3),  # liver
    Tissue(ellipsoid((38.0, -34.0, -92.0), (46.0, 34.0, 34.0), moves=True), 62.0, 2.3),
    Tissue(ellipsoid((92.0, 42.0, -92.0), (26.0, 36.0, 44.0), moves=True), 52.0, 1.9),  # spleen
    Tissue(ellipsoid((72.0, -22.0, -98.0), (36.0, 38.0, 40.0), moves=True), 28.0, 1.1),  # stomach
    Tissue(ellipsoid((70.0, -48.0, -90.0), (20.0, 9.0, 16.0), moves=True), -900.0, 0.1),
)

MEDIASTINUM = (
    Tissue(ellipsoid((0.0, -4.0, 40.0), (32.0, 58.0, 92.0)), -70.0, 0.5),
    Tissue(tube((20.0, 50.0, -140.0), (20.0, 50.0, 50.0), 12.0), 42.0, 1.6),  # aorta
    Tissue(tube((20.0, 50.0, 50.0), (8.0, 8.0, 68.0), 12.5), 42.0, 1.6),
    Tissue(tube((8.0, 8.0, 68.0), (-8.0, -28.0, 40.0), 13.0), 42.0, 1.6),
    Tissue(tube((-8.0, -28.0, 40.0), (4.0, -24.0, 5.0), 14.0), 42.0, 1.6),
    Tissue(tube((-26.0, -22.0, 120.0), (-28.0, -14.0, 10.0), 8.0), 42.0, 1.6),  # upper caval vein
    Tissue(
        tube((-22.0, 0.0, 16.0), (26.0, -2.0, 26.0), 11.0, moves=True), 42.0, 1.6
    ),  # lung artery
    Tissue(tube((2.0, 36.0, -140.0), (2.0, 34.0, 140.0), 7.0), 32.0, 1.4),  # gullet
    Tissue(tube((0.0, 16.0, 140.0), (0.0, 18.0, 36.0), 9.5), 30.0, 0.9),  # windpipe
    Tissue(tube((0.0, 16.0, 140.0), (0.0, 18.0, 36.0), 7.5), -990.0, 0.1),
    Tissue(tube((0.0, 18.0, 36.0), (-32.0, 16.0, 14.0), 5.5), -980.0, 0.1),
    Tissue(tube((0.0, 18.0, 36.0), (36.0, 18.0, 12.0), 5.0), -980.0, 0.1),
)


def heart(uptake: float) -> tuple[Tissue, ...]:
    """The heart with a left ventricle whose wall takes up more or less at each date."""
    return (
        Tissue(
            ellipsoid((18.0, -24.0, -24.0), (56.0, 44.0, 44.0), turn_deg=28, moves=True), 46, 1.6
        ),
        Tissue(ellipsoid((36.0, -16.0, -30.0), (32.0, 27.0, 33.0), moves=True), 52.0, uptake),
        Tissue(ellipsoid((36.0, -17.0, -28.0), (22.0, 17.0, 24.0), moves=True), 40.0, 1.6),
    )


def vessels(seed: int) -> tuple[Tissue, ...]:
    """Trees of vessels from both hila outwards: the same patient has the same at every date."""
    random = np.random.default_rng([seed, 1])
    found: list[Tissue] = []

    def grow(start: FloatArray, direction: FloatArray, radius_mm: float, generation: int) -> None:
        end = start + direction * random.uniform(22, 34) * 0.9**generation
        a, b = (tuple(point.tolist()) for point in (start, end))
        found.append(Tissue(tube(a, b, radius_mm, moves=True), 36.0, 1.2))
        if generation + 1 < VESSEL_GENERATIONS:
            for _ in range(2):
                turned = direction + random.normal(0, 0.45, 3)
                grow(end, turned / np.linalg.norm(turned), radius_mm * 0.72, generation + 1)

    for side in (-1.0, 1.0):
        for direction in ((1, 0, 0.9), (1, 0.6, 0.2), (1, -0.7, 0.1), (0.8, 0.2, -0.9),
                          (0.6, -0.4, 0.8), (0.6, 0.7, -0.8)):  # fmt: skip
            aim = np.array([side * direction[0], direction[1], direction[2]], dtype=np.float64)
            grow(np.array([side * 30.0, 4.0, 18.0]), aim / np.linalg.norm(aim), 4.2, 0)
    return tuple(found)


def paint_chest(canvas: Canvas, *, seed: int, heart_uptake: float) -> None:
    """Everything but the lesions, the table and the noise."""
    canvas.paint_all(WALL)
    chest = canvas.share(_column((131.0, 81.0), 2.0))
    canvas.paint_all(UPPER_ABDOMEN, inside=chest)
    canvas.paint_all(LUNG, inside=chest)
    lungs = np.maximum(canvas.share(LUNGS[0]), canvas.share(LUNGS[1]))
    canvas.paint_all(vessels(seed), inside=lungs)
    body = canvas.share(BODY)
    canvas.paint_all(MEDIASTINUM, inside=body)
    canvas.paint_all(heart(heart_uptake), inside=chest)
    canvas.paint_all(BONES, inside=body)
    _mottle(canvas, lungs)


def _mottle(canvas: Canvas, lungs: PlaneValues) -> None:
    """Slow differences within tissue that belong to the patient, not to the scan."""
    x, y, z = canvas.moving
    waves = np.sin(x / 11 + np.sin(z / 17)) * np.sin(y / 9 + 1) * np.sin(z / 13 + np.sin(x / 23))
    canvas.hu += waves * (6 + 22 * lungs)
    canvas.suv *= 1 + 0.12 * waves
