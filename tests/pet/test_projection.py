"""Maximum-intensity projections lie as a reader expects them."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.volume import Array, Grid, Mask, Unit, Volume
from pet.projection import ProjectionPlane, SilhouetteKind, bare_projections, drawn_on
from pet.reference_regions import RegionName, measure


def body(affine: Array, shape: tuple[int, int, int], at_mm: list[float]) -> tuple[Volume, Mask]:
    """Background 1 and one hot voxel of 7 at a place in LPS."""
    grid = Grid(shape, affine)
    array = np.ones(shape, dtype=np.float32)
    i, j, k = (int(part) for part in np.rint(grid.to_voxel(at_mm)))
    array[i, j, k] = 7.0
    return Volume(array, grid, Unit.SUV_BW), Mask.of(array > 1, grid)


#: The same box of 40 x 30 x 60 mm (LPS) as three scanners might store it.
AXIAL = (np.array([[4.0, 0, 0, 0], [0, 5, 0, 0], [0, 0, 6, 0], [0, 0, 0, 1]]), (10, 6, 10))
FLIPPED = (np.array([[-4.0, 0, 0, 36], [0, -5, 0, 25], [0, 0, -6, 54], [0, 0, 0, 1]]), (10, 6, 10))
PERMUTED = (np.array([[0, 0, 4.0, 0], [5, 0, 0, 0], [0, 6, 0, 0], [0, 0, 0, 1]]), (6, 10, 10))


@pytest.mark.parametrize("stored", [AXIAL, FLIPPED, PERMUTED], ids=["axial", "flipped", "permuted"])
def test_projections_do_not_depend_on_how_the_volume_is_stored(
    stored: tuple[Array, tuple[int, int, int]],
) -> None:
    suv, mask = body(*stored, [8.0, 20.0, 48.0])  # right, behind, cranial
    region = measure(RegionName.LIVER, suv, mask)
    coronal, sagittal = drawn_on(
        bare_projections(suv), suv.grid, lesions={"L1": mask}, regions=[region]
    )
    assert (coronal.plane, sagittal.plane) == (ProjectionPlane.CORONAL, ProjectionPlane.SAGITTAL)
    assert coronal.image.shape == (10, 10)
    assert sagittal.image.shape == (10, 6)
    assert (coronal.spacing_mm, sagittal.spacing_mm) == ((6.0, 4.0), (6.0, 5.0))
    assert np.argwhere(coronal.image == 7.0).tolist() == [[1, 2]]
    assert np.argwhere(sagittal.image == 7.0).tolist() == [[1, 4]]
    for projection, at in ((coronal, [1, 2]), (sagittal, [1, 4])):
        lesion, liver = projection.silhouettes
        assert (lesion.name, lesion.drawn) == ("L1", SilhouetteKind.LESION)
        assert (liver.name, liver.drawn) == ("liver", SilhouetteKind.REFERENCE)
        assert np.argwhere(lesion.array).tolist() == [at]


def test_a_projection_without_lesions() -> None:
    suv, _ = body(*AXIAL, [8.0, 20.0, 48.0])
    assert bare_projections(suv)[0].silhouettes == ()
