"""Seconds of each stage of ``recist run`` on the four-date lung study, and its peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> None:
    root = os.environ.get("RECIST_DATA")
    if not root:
        print("left out: set RECIST_DATA to the folder of real images")
        return
    study = Path(root) / "longitudinal" / "lung-abscopal"
    for lesions in sys.argv[1:] or ("auto", "dicom"):
        with tempfile.TemporaryDirectory() as out:
            command = [sys.executable, "-m", "recist", "run", str(study), "-o", out]
            subprocess.run([*command, "--lesions", lesions], check=False, capture_output=True)
            record = json.loads((Path(out) / "run.json").read_text())
            print(
                f"--lesions {lesions}: {record['seconds']:.1f} s in all, "
                f"peak {record['peak_memory_mb']} MB, device {record['model']}"
            )
            print_stages(record)


def print_stages(record: dict[str, Any]) -> None:
    """The seconds of each stage of each patient, from the ``run.json`` of a run."""
    for subject in record["subjects"]:
        for stage, seconds in subject["seconds"].items():
            print(f"  {stage:<12} {seconds:7.2f} s")


if __name__ == "__main__":
    main()
