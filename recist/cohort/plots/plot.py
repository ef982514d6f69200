"""What a plot is, and what all of them share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from recist.cohort.arms import Arms
from recist.cohort.lesion_charts import STYLE
from recist.cohort.sheet import SheetRow
from recist.cohort.times import FollowedPatient

#: Okabe and Ito's colours, told apart by most eyes and in grey; one per arm.
ARM_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
FAINT, LINE = "#6b7280", "#1f2937"

#: With more patients than this, those of a waterfall or swimmer plot carry no name.
MOST_NAMED = 60


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing and what it shows."""

    name: str
    title: str
    drawing: Figure
    rows: tuple[SheetRow, ...]


def colour_of(arms: Arms) -> Callable[[str], str]:
    return lambda arm: ARM_COLOURS[arms.names.index(arm) % len(ARM_COLOURS)]


def members_of(patients: Sequence[FollowedPatient], arm: str) -> list[FollowedPatient]:
    return [each for each in patients if each.patient.arm == arm]


def arm_patches(arms: Arms, alpha: float = 1.0) -> list[Patch]:
    colour = colour_of(arms)
    return [Patch(color=colour(arm), label=arm, alpha=alpha) for arm in arms.names]


def blank(width: float, height: float) -> Figure:
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawing)
    return drawing


def bare(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)


def file_name(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")
