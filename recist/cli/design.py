"""``recist design``: patients and events of a randomised trial, by formula and by simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recist.cli.printing import print_research_use, print_result


def design(
    hazard_ratio: Annotated[float, typer.Option(help="Experimental to control, to be found.")],
    control_median_months: Annotated[float, typer.Option(help="Of the end point, control arm.")],
    allocation: Annotated[float, typer.Option(help="Experimental to one control patient.")] = 2.0,
    alpha: Annotated[float, typer.Option(help="Of the log-rank test.")] = 0.05,
    power: Annotated[float, typer.Option(help="Wanted.")] = 0.8,
    one_sided: Annotated[bool, typer.Option("--one-sided", help="Else two-sided.")] = False,
    accrual_months: Annotated[float, typer.Option(help="Uniform accrual.")] = 24.0,
    follow_up_months: Annotated[float, typer.Option(help="After the last patient.")] = 12.0,
    dropout_per_year: Annotated[float, typer.Option(help="Share lost in a year.")] = 0.05,
    scan_interval_days: Annotated[
        float, typer.Option(help="Progression is seen at scans only; 0: on its day.")
    ] = 56.0,
    patients: Annotated[
        int | None, typer.Option(help="Simulate this number; default: the formula's.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Simulated trials.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the simulation.")] = 1,
    example: Annotated[
        Path | None,
        typer.Option(help="Folder for the tables of one made-up trial, for recist cohort."),
    ] = None,
) -> None:
    """How many patients and events a 2:1 (or other) trial needs, and what power it has."""
    from recist.cohort.design import Design, simulate, summary

    planned = Design(
        hazard_ratio,
        control_median_months,
        allocation,
        alpha,
        power,
        one_sided,
        accrual_months,
        follow_up_months,
        dropout_per_year,
        scan_interval_days,
    )
    number, lines = summary(planned, patients)
    for line in lines:
        print_result(line)
    found = simulate(planned, number, trials=trials, seed=seed)
    null = simulate(planned, number, trials=trials, seed=seed + 1, hazard_ratio=1.0)
    for name, each in (("power", found), ("error of type I", null)):
        low, high = each.rejected.clopper_pearson or (0.0, 1.0)
        print_result(
            f"simulated {name}: {100 * (each.rejected.rate or 0):.1f} % "
            f"({100 * low:.1f} to {100 * high:.1f}), {each.events:.1f} events, "
            f"median crude hazard ratio {each.hazard_ratio:.3f}; {trials} trials, seed {seed}"
        )
    if example is not None:
        from recist.cohort.simulated import write_trial

        tables = write_trial(example, patients=number, seed=seed)
        print_result(
            f"a made-up trial of {number} patients: recist cohort {tables.measurements} "
            f"--patients {tables.patients} --toxicity {tables.toxicity} --quality-of-life "
            f"{tables.quality_of_life} --strata line,histology -o {example / 'report'}"
        )
    print_research_use()
