"""Time points from a DataFrame.

Two patients of a trial as rows of a DataFrame, assessed by RECIST 1.1 and iRECIST. The reasons
behind each answer come with the course.
"""

import pandas as pd

import recist

COLUMNS = ["subject", "day", "lesion", "role", "organ", "nodal", "status", "diameter_mm"]
measurements = pd.DataFrame(
    [
        ("P1", 0, "T1", "target", "liver", "no", "measured", 60.0),
        ("P1", 0, "T2", "target", "lung", "no", "measured", 30.0),
        ("P1", 56, "T1", "target", "liver", "no", "measured", 41.0),
        ("P1", 56, "T2", "target", "lung", "no", "measured", 20.0),
        ("P1", 112, "T1", "target", "liver", "no", "measured", 40.0),
        ("P1", 112, "T2", "target", "lung", "no", "absent", None),
        ("P2", 0, "T1", "target", "liver", "no", "measured", 50.0),
        ("P2", 56, "T1", "target", "liver", "no", "measured", 62.0),
        ("P2", 91, "T1", "target", "liver", "no", "measured", 68.0),
    ],
    columns=COLUMNS,
)

table = recist.assess_table(measurements)
shown = ["subject", "day", "criteria", "sum_mm", "nadir_mm", "overall"]
print(table.timepoints[shown].to_string(index=False))
print()
shown = ["subject", "criteria", "best_overall", "confirmed_best_overall", "pfs_days", "pfs_event"]
print(table.outcomes[shown].to_string(index=False))
print()

course = recist.read_table(measurements)["P2"]
result = recist.assess(course, criteria=["recist11"])
for timepoint in result.timepoints:
    print(f"day {timepoint.day}: {timepoint.overall}")
    for reason in timepoint.reasons:
        print(f"  {reason.sentence} [{reason.source}]")
