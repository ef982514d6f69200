"""Abscopal response of a cohort.

Four patients with one irradiated lesion and one that was not; two arms. The question is asked by
every published definition; shown are those of one.
"""

import pandas as pd

import recist

ARMS = {"A1": "concurrent", "A2": "concurrent", "A3": "sequential", "A4": "sequential"}
#: Diameter in mm on day -7, 56 and 112 of the irradiated lesion and of the one far from it.
DIAMETERS = {
    "A1": {"in": (40, 20, 18), "out": (30, 16, 15)},
    "A2": {"in": (52, 30, 28), "out": (28, 27, 36)},
    "A3": {"in": (35, 22, 20), "out": (24, 12, 11)},
    "A4": {"in": (44, 40, 41), "out": (33, 34, 45)},
}
DAYS = (-7, 56, 112)

measurements = pd.DataFrame(
    {
        "subject": subject,
        "day": day,
        "lesion": f"L-{field}",
        "role": "target",
        "organ": "lung" if field == "in" else "liver",
        "nodal": "no",
        "status": "measured",
        "diameter_mm": diameter,
        "field": field,
    }
    for subject, lesions in DIAMETERS.items()
    for field, diameters in lesions.items()
    for day, diameter in zip(DAYS, diameters, strict=True)
)
events = pd.DataFrame(
    {"subject": subject, "day": day, "event": event}
    for subject in ARMS
    for day, event in ((0, "radiotherapy-start"), (7, "radiotherapy-end"), (0, "treatment-start"))
)
arms = pd.DataFrame({"subject": list(ARMS), "arm": list(ARMS.values())})

cohort = recist.assess_abscopal(measurements, events, arms=arms)

patients = cohort.patients
definition = "golden"
shown = [
    "subject",
    "arm",
    "response",
    "confirmed",
    "response_day",
    "in_field_best",
    "out_of_field_best",
]
print(patients.loc[patients["definition"] == definition, shown].to_string(index=False))
print()
rates = cohort.rates
chosen = (rates["definition"] == definition) & (rates["confirmed_only"] == "no")
shown = [
    "arm",
    "denominator",
    "responders",
    "n",
    "rate_percent",
    "clopper_pearson_low",
    "clopper_pearson_high",
]
print(rates.loc[chosen, shown].to_string(index=False))
print()
print(patients.loc[patients["definition"] == definition, "reason"].iloc[0])
