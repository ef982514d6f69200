"""A trial from its tables to the answers: by hand on a few patients, whole on a simulated one."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from matplotlib.colors import to_hex

from recist.cohort.arms import Arms
from recist.cohort.end_points import contrast_sheet, six_month_sheet, times_of
from recist.cohort.plots.lesion_plots import lesion_waterfall_plot
from recist.cohort.plots.states import stacked_plot
from recist.cohort.plots.sum_plots import field_spider_plot
from recist.cohort.plots.swimmer import swimmer_plot
from recist.cohort.response_sheets import rate_sheet
from recist.cohort.simulated import CONTROL, EXPERIMENTAL
from recist.cohort.times import DEATH, OF_INTEREST
from recist.cohort.trial import TrialChoices, TrialData, TrialTables, read_trial
from recist.course import Field
from recist.protocol import load
from recist.report.palette import FIELD_COLOURS
from recist.table.finding import Finding, Severity

Rows = list[dict[str, str]]


def scan(
    subject: str, day: int, size: str, *, name: str = "L1", field: str = "in"
) -> dict[str, str]:
    return {
        "subject": subject, "day": str(day), "lesion": name, "role": "target", "organ": "lung",
        "nodal": "no", "status": "measured", "diameter_mm": size, "field": field,
    }  # fmt: skip


def new(subject: str, day: int, name: str) -> dict[str, str]:
    row = scan(subject, day, "", name=name, field="out")
    return row | {"role": "new", "status": "present"}


def patient(subject: str, arm: str = "drug", **columns: str) -> dict[str, str]:
    names = ("death", "last_contact", "new_therapy", "previous_line_start",
             "previous_line_progression", "line")  # fmt: skip
    return (
        {"subject": subject, "arm": arm, "randomisation": "0"} | dict.fromkeys(names, "") | columns
    )


def read(
    scans: Rows, patients: Rows, strata: Sequence[str] = ()
) -> tuple[TrialData, list[Finding]]:
    findings: list[Finding] = []
    trial = read_trial(
        scans,
        TrialTables(patients),
        TrialChoices(strata=tuple(strata)),
        load("recist11-eortc"),
        findings,
    )
    return trial, findings


def test_progression_death_and_censoring_each_with_its_reason() -> None:
    scans = [
        *[scan("P", day, size) for day, size in ((-5, "20"), (56, "20"), (112, "30"))],
        *[scan("D", day, "20") for day in (-5, 56)],
        *[scan("C", day, "20") for day in (-5, 56, 112)],
    ]
    trial, findings = read(
        scans, [patient("P"), patient("D", death="80"), patient("C", "control", last_contact="200")]
    )
    assert not findings
    pfs = {t.subject: (t.days, t.event, t.rule) for t in times_of(trial.patients, "PFS", "ema_itt")}
    assert pfs == {
        "P": (112, True, "progression"),
        "D": (80, True, "death"),
        "C": (112, False, "no-event"),
    }
    overall = {t.subject: (t.days, t.event) for t in times_of(trial.patients, "OS")}
    assert overall == {"D": (80, True), "C": (200, False)}
    local = {t.subject: (t.days, t.cause) for t in times_of(trial.patients, "local progression")}
    assert local == {"P": (112, OF_INTEREST), "D": (80, DEATH), "C": (112, 0)}
    assert [(each.bounds.after, each.bounds.by) for each in trial.patients] == [
        (56, 112),
        (80, 80),
        (112, None),
    ]


def test_the_sixth_lesion_makes_disease_poly_metastatic() -> None:
    scans = [scan("A", -5, "20"), scan("A", 56, "20"), scan("A", 112, "20")]
    scans += [new("A", 56, f"N{k}") for k in range(3)] + [new("A", 112, f"N{k}") for k in range(5)]
    trial, _ = read(scans, [patient("A"), patient("B", "control")])
    assert [(t.days, t.event) for t in times_of(trial.patients, "poly-metastatic")] == [(112, True)]


def test_both_rules_for_a_progression_that_is_never_confirmed() -> None:
    scans = [scan("A", -5, "20"), scan("A", 56, "20"), scan("A", 112, "30")]
    trial, _ = read(scans, [patient("A"), patient("B", "control")])
    found = {t.policy: (t.days, t.event) for t in times_of(trial.patients[:1], "iPFS")}
    assert found["ema_itt, unconfirmed counts"] == (112, True)
    assert found["ema_itt, unconfirmed censored"] == (56, False)


def test_the_agencies_date_a_new_therapy_differently() -> None:
    scans = [
        scan("A", day, size) for day, size in ((-5, "20"), (56, "20"), (112, "20"), (168, "30"))
    ]
    trial, _ = read(scans, [patient("A", new_therapy="120"), patient("B", "control")])
    found = {t.policy: (t.days, t.event) for t in times_of(trial.patients[:1], "PFS")}
    assert found == {
        "fda_a": (112, False),
        "fda_b": (112, False),
        "fda_c": (120, True),
        "ema_itt": (168, True),
    }


def test_six_months_by_both_estimands() -> None:
    """Four patients: free at day 190; progression at 112; censored at 112; death at 182."""
    scans = [scan(s, -5, "20") for s in "ABCD"]
    scans += [scan("A", day, "20") for day in (56, 190)]
    scans += [scan("B", 56, "20"), scan("B", 112, "30"), scan("C", 112, "20"), scan("D", 112, "20")]
    trial, _ = read(scans, [patient(s) for s in "ABC"] + [patient("D", death="182")])
    sheet = six_month_sheet(trial.patients, Arms(("drug",)), "ema_itt", 7)
    rows = {row["six_months"]: row for row in sheet.rows if row["end_point"] == "PFS"}
    main = rows["6 months of 30.4375 days"]
    assert (main["free"], main["n"], main["not_known"]) == ("1", "4", "1")
    assert main["not_known_as_failure_percent"] == "25.0"
    assert main["not_known_left_out_percent"] == "33.3"
    assert main["curve_percent"] == "37.5"  # 3/4 x 1/2: C leaves between the events
    assert set(rows) >= {"183 days", "26 weeks", "with the visit window of 7 days"}


#: Days of progression, and of the last scan of who did not progress (event 0).
EIGHTEEN = (
    (40, 1), (56, 1), (56, 1), (61, 0), (84, 1), (98, 1), (112, 1), (112, 0), (119, 1),
    (140, 0), (154, 1), (168, 1), (168, 1), (182, 1), (183, 0), (196, 1), (224, 1), (280, 0),
)  # fmt: skip


def test_eighteen_patients_at_six_months_as_r_gives_them() -> None:
    """From measurements to the curve at 182.625 days; R 4.2.2, ``survival`` 3.5-3::

    summary(survfit(Surv(days, event) ~ 1, conf.type = kind), times = 182.625)
    """
    scans: Rows = []
    for number, (day, event) in enumerate(EIGHTEEN):
        scans.append(scan(f"K{number:02d}", -5, "20"))
        scans.append(scan(f"K{number:02d}", day, "30" if event else "20"))
    patients = [patient(f"K{number:02d}") for number in range(len(EIGHTEEN))]
    trial, findings = read(scans, patients)
    assert not findings
    sheet = six_month_sheet(trial.patients, Arms(("drug",)), "ema_itt", 7)
    wanted = ("PFS", "all", "182.625")
    (main,) = [row for row in sheet.rows if (row["end_point"], row["arm"], row["days"]) == wanted]
    numbers = ("survival", "survival_error", "log_low", "log_high", "log_log_low",
               "log_log_high", "plain_low", "plain_high")  # fmt: skip
    assert [main[name] for name in numbers] == [
        "0.294643", "0.120300", "0.132360", "0.655896", "0.095161", "0.530020", "0.058858",
        "0.530427",
    ]  # fmt: skip


def test_by_intention_to_treat_and_per_protocol() -> None:
    scans, patients = [], []
    for k in range(12):
        size = "30" if k % 3 else "20"
        scans += [scan(f"P{k}", -5, "20"), scan(f"P{k}", 56 + k, size)]
        row = patient(f"P{k}", "drug" if k % 2 else "control")
        patients.append(row | {"treated": "drug" if k == 0 else row["arm"]})
    trial, _ = read(scans, patients)
    sheet = contrast_sheet(trial.patients, Arms(("drug", "control")), "ema_itt", ())
    sizes = {row["population"]: row["n"] for row in sheet.rows if row["end_point"] == "PFS"}
    assert sizes == {"intention to treat": "6 + 6", "per protocol": "6 + 5"}


def test_bad_tables_cost_one_line_each_and_the_rest_is_complete() -> None:
    scans = [scan(s, day, "20") for s in ("A", "B", "late", "dead", "two", "stranger")
             for day in (-5, 56)]  # fmt: skip
    for row in scans:
        if row["subject"] == "late":
            row["day"] = str(int(row["day"]) + 30)
    patients = [
        patient("A", line="1"),
        patient("B", "control", line="2"),
        patient("late", line="1"),
        patient("dead", death="40", line="1"),
        patient("two", line="1"),
        patient("two", "control", line="1"),
        patient("unseen", "control", death="70", line=""),
        patient("negative", death="-3", line="1"),
    ]
    trial, findings = read(scans, patients, strata=("line",))
    assert [each.subject for each in trial.patients] == ["A", "B", "late", "unseen"]
    assert {(each.level, each.code, each.subject) for each in findings} == {
        (Severity.ERROR, "two-arms", "two"),
        (Severity.ERROR, "before-start", "negative"),
        (Severity.ERROR, "after-death", "dead"),
        (Severity.WARNING, "no-baseline", "late"),
        (Severity.WARNING, "no-baseline", "unseen"),
        (Severity.WARNING, "no-stratum", "unseen"),
        (Severity.WARNING, "not-enrolled", "stranger"),
    }
    assert len(findings) == 7
    unseen = trial.patients[-1]
    assert [(t.days, t.event, t.rule) for t in unseen.times if t.policy == "fda_a"][:1] == [
        (0, False, "no-baseline")
    ]
    assert [(t.days, t.event) for t in unseen.times if t.endpoint == "OS"] == [(70, True)]


def test_a_patient_all_of_whose_lesions_were_irradiated_is_followed_outside_of_the_field() -> None:
    """Censored when last seen, as those are in whom something appears outside; not at the start."""
    scans = [
        *[scan("free", day, "20") for day in (-5, 56, 112)],
        *[scan("new", day, "20") for day in (-5, 56, 112)],
        new("new", 112, "N1"),
        *[scan("unseen", -5, "20"), scan("unseen", 56, "") | {"status": "not-evaluable"}],
        *[scan("dies", day, "20") for day in (-5, 56)],
    ]
    everyone = [patient("free"), patient("new"), patient("unseen"), patient("dies", death="70")]
    trial, _ = read(scans, everyone)
    for policy in ("ema_itt", "fda_a", "fda_b", "fda_c"):
        found = times_of(trial.patients, "PFS out of field", policy)
        assert {t.subject: (t.days, t.event) for t in found} == {
            "free": (112, False),
            "new": (112, True),
            "unseen": (0, False),
            "dies": (70, True),
        }, policy


def test_only_who_has_lesions_on_a_side_at_baseline_can_respond_there() -> None:
    """Enrolled and never scanned again counts as no response; without lesions there, not at all."""
    scans = [
        *[scan("inside", day, "20") for day in (-5, 56)],
        *[scan("appeared", day, "20") for day in (-5, 56)],
        new("appeared", 56, "N1"),
        *[scan("both", day, size) for day, size in ((-5, "20"), (56, "10"))],
        *[scan("both", day, "20", name="L2", field="out") for day in (-5, 56)],
        scan("lost", -5, "30", field="out"),
    ]
    names = ("inside", "appeared", "both", "lost")
    trial, _ = read(scans, [patient(name, last_contact="112") for name in names])
    rows = {
        row["lesions"]: (row["responders"], row["n"])
        for row in rate_sheet(trial.patients, trial.arms, ()).rows
        if row["rate"] == "objective response" and row["group"] == "all"
    }
    assert rows == {"all": ("0", "4"), "in-field": ("1", "3"), "out-of-field": ("0", "2")}
    shown = stacked_plot(trial.patients, trial.arms)
    assert shown is not None
    assert {(row["lesions"], row["of"]) for row in shown.rows} == {
        ("all", "4"), ("in-field", "3"), ("out-of-field", "2"),
    }  # fmt: skip


def test_lesions_and_sums_are_coloured_by_their_side_of_the_field() -> None:
    scans = [
        *[scan("A", day, size) for day, size in ((-5, "20"), (56, "8"), (112, "14"))],
        *[scan("A", day, size, name="L2", field="out") for day, size in ((-5, "20"), (56, "44"))],
        *[scan("B", -5, "20")],
    ]
    trial, _ = read(scans, [patient("A"), patient("B", "control")])
    lesions = lesion_waterfall_plot(trial.patients, trial.arms, trial.protocol)
    assert lesions is not None
    assert [(row["lesion"], row["field"], row["best_change_percent"]) for row in lesions.rows] == [
        ("L2", "out", "120.00"),
        ("L1", "in", "-60.00"),
    ]
    first, _ = lesions.drawing.axes
    bars = [(bar.get_height(), to_hex(bar.get_facecolor())) for bar in first.patches]
    assert bars == [(100, FIELD_COLOURS[Field.OUT]), (pytest.approx(-60), FIELD_COLOURS[Field.IN])]
    sums = field_spider_plot(trial.patients, trial.arms)
    assert sums is not None
    assert {row["lesions"] for row in sums.rows} == {"in field", "out of field"}
    assert (
        len(
            [
                line
                for line in sums.drawing.axes[0].lines
                if line.get_marker() == "^" and len(line.get_xdata())
            ]
        )
        == 1
    )  # fmt: skip - beyond the axis, and marked
    events = swimmer_plot(trial.patients, trial.arms, "ema_itt")
    assert events is not None
    assert ("A", "progression out of field", "56") in {
        (row["subject"], row["event"], row["day"]) for row in events.rows
    }
    unknown = [row | {"field": "unknown"} for row in scans]
    trial, _ = read(unknown, [patient("A"), patient("B", "control")])
    assert lesion_waterfall_plot(trial.patients, trial.arms, trial.protocol) is None
    assert field_spider_plot(trial.patients, trial.arms) is None


@pytest.fixture(scope="module")
def report(trial_report: tuple[Path, tuple[str, ...]]) -> tuple[Path, tuple[str, ...]]:
    return trial_report


def rows_of(path: Path) -> Rows:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_table_plot_and_its_data_are_written(report: tuple[Path, tuple[str, ...]]) -> None:
    out, _ = report
    for name in ("six_months", "contrasts", "survival", "competing", "interval_censoring",
                 "response_rates", "rate_contrasts", "growth_modulation", "eligibility",
                 "toxicity", "quality_of_life", "biomarkers", "cost", "audit"):  # fmt: skip
        assert rows_of(out / f"{name}.csv"), name
    drawings = {path.stem for path in (out / "plots").glob("*.svg")}
    assert drawings >= {"km_pfs", "km_ipfs", "km_os", "waterfall", "spider", "swimmer", "responses",
                        "forest_hazard", "forest_response", "incidence_poly_metastatic",
                        "incidence_local_progression", "growth_modulation", "waterfall_lesions",
                        "spider_field"}  # fmt: skip
    for name in drawings:
        assert rows_of(out / "plots" / f"{name}.csv"), name
        assert (out / "plots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")


def test_the_page_says_what_the_console_says(report: tuple[Path, tuple[str, ...]]) -> None:
    out, sentences = report
    page = (out / "report.html").read_text()
    assert len(sentences) >= 5
    assert "Research use only" in page and EXPERIMENTAL in page and CONTROL in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    answers = json.loads((out / "cohort.json").read_text())["answers"]
    assert answers == list(sentences)


def test_the_audit_has_a_row_for_every_patient_and_policy(
    report: tuple[Path, tuple[str, ...]],
) -> None:
    audit = rows_of(report[0] / "audit.csv")
    pfs = [row for row in audit if row["end_point"] == "PFS"]
    assert len(pfs) == 4 * 18
    assert all(row["rule"] and row["why"] for row in audit)
