"""The plots of a trial, by arm, each with the data that it shows; from ten patients to hundreds."""

from __future__ import annotations

from collections.abc import Sequence

from recist.cohort.arms import Arms
from recist.cohort.end_points import COMPARED, COMPETING
from recist.cohort.plots.curves import incidence_plot, modulation_plot, survival_plot
from recist.cohort.plots.forests import hazard_forest, rate_forest
from recist.cohort.plots.lesion_plots import lesion_waterfall_plot
from recist.cohort.plots.plot import Plot
from recist.cohort.plots.states import stacked_plot
from recist.cohort.plots.sum_plots import field_spider_plot, spider_plot, waterfall_plot
from recist.cohort.plots.swimmer import swimmer_plot
from recist.cohort.times import FollowedPatient
from recist.protocol import Protocol

__all__ = ["Plot", "plots"]


def plots(
    patients: Sequence[FollowedPatient], arms: Arms, protocol: Protocol, strata: Sequence[str]
) -> list[Plot]:
    """Every plot that the data allow."""
    policy = protocol.pfs_policy
    drawn: list[Plot | None] = [
        *(survival_plot(patients, arms, endpoint, policy) for endpoint in COMPARED),
        *(incidence_plot(patients, arms, endpoint) for endpoint in COMPETING),
        waterfall_plot(patients, arms),
        lesion_waterfall_plot(patients, arms, protocol),
        spider_plot(patients, arms),
        field_spider_plot(patients, arms),
        swimmer_plot(patients, arms, policy),
        stacked_plot(patients, arms),
        hazard_forest(patients, arms, policy, strata),
        rate_forest(patients, arms, strata),
        modulation_plot(patients, arms, policy),
    ]
    return [each for each in drawn if each is not None]
