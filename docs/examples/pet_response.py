"""PET response.

Uptake of two lesions before and after four cycles, judged by PERCIST and by EORTC, with the numbers
behind each answer.
"""

import csv
import tempfile
from pathlib import Path

from pet.response.uptake_table import assess_pet_table

UPTAKE = """\
subject,date,lesion,organ,status,sul_peak,suv_max,liver_mean,liver_sd,uptake_min,dose_mbq,scanner
P1,2024-03-04,L1,lung,measured,8.4,13.1,1.9,0.25,61,301,A
P1,2024-03-04,L2,node,measured,6.0,9.2,1.9,0.25,61,301,A
P1,2024-06-10,L1,lung,measured,4.1,6.8,2.0,0.24,64,295,A
P1,2024-06-10,L2,node,resolved,,,2.0,0.24,64,295,A
"""

with tempfile.TemporaryDirectory() as folder:
    table = Path(folder) / "uptake.csv"
    table.write_text(UPTAKE)
    written = assess_pet_table(table, Path(folder) / "out", criteria=["percist", "eortc"])
    with Path(written[0]).open(newline="") as file:
        for row in csv.DictReader(file):
            print(row["date"], row["criteria"], row["response"])
            print(f"  {row['baseline']} -> {row['value']} ({row['change_percent']} %)")
            print(f"  {row['reason']}")
            if row["warnings"]:
                print(f"  note: {row['warnings']}")
