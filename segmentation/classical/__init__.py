"""One lesion of a CT without a network: by the values under a line, or by edges around a click.

| method | from | how |
|---|---|---|
| hu-statistics | a line | values like those under the line, between it and its surroundings |
| fast-marching | a line | a front from the line, slowed by edges, stopped at the line's ends |
| edge-strength | a click | the level of HU whose surface has the steepest edge |
| lung-threshold | a click in lung | denser than half way to lung, opened until no vessel hangs on |

Each looks at a cube of isotropic voxels around the prompt and returns a field that is positive
inside the lesion. They know nothing of organs: elsewhere than in lung a click is not safe.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from imaging.errors import InputError
from imaging.volume import Array, Unit, Volume
from segmentation import prompts
from segmentation.classical import edges, fast_marching, hu_statistics
from segmentation.classical.scene import Scene, around_click, around_line
from segmentation.infer import Delineation
from segmentation.placement import meant, place
from segmentation.prompts import Click, Line, Prompt

FAST_MARCHING = "fast-marching"
HU_STATISTICS = "hu-statistics"
LUNG_THRESHOLD = "lung-threshold"
EDGE_STRENGTH = "edge-strength"

#: Method to field and to the prompt that it takes.
METHODS: dict[str, tuple[Callable[[Scene], Array], type[Line] | type[Click]]] = {
    FAST_MARCHING: (fast_marching.field, Line),
    HU_STATISTICS: (hu_statistics.field, Line),
    LUNG_THRESHOLD: (edges.lung_threshold, Click),
    EDGE_STRENGTH: (edges.edge_strength, Click),
}


def delineate_classically(method: str, ct: Volume, prompt: Prompt) -> Delineation:
    """The lesion that a line or a click means, by a method of :data:`METHODS`.

    Raises:
        InputError: no such method; not the prompt that it takes, or one outside the image; a click
            of ``lung-threshold`` that does not lie in lung.
    """
    if method not in METHODS:
        raise InputError(f"no method {method}", remedy=f"one of {', '.join(METHODS)}")
    field, takes = METHODS[method]
    if not isinstance(prompt, takes):
        raise InputError(f"{method} starts from a {takes.__name__.lower()}")
    prompts.check_inside(prompt, ct.grid)
    begun = time.perf_counter()
    scene = around_line(ct, prompt) if isinstance(prompt, Line) else around_click(ct, prompt)
    inside = Volume(field(scene).astype(np.float32), scene.hu.grid, Unit.OTHER)
    warnings: list[str] = []
    found = meant(place(inside, ct.grid, smallest_ml=0.0, source=method), prompt, warnings)
    seconds = (("classical", time.perf_counter() - begun),)
    return Delineation(ct.grid, found, method, seconds=seconds, warnings=tuple(warnings))
