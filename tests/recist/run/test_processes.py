"""What a process is told before its first patient."""

from __future__ import annotations

import subprocess
import sys


def test_libraries_keep_to_the_share_of_cores_once_they_are_loaded() -> None:
    code = (
        "import sys; from recist.run.processes import begin_process; begin_process(1);"
        "print('SimpleITK' in sys.modules);"
        "from imaging.itk import sitk; print(sitk.BinShrinkImageFilter().GetNumberOfThreads());"
        "filters = sitk.ProcessObject; filters.SetGlobalDefaultNumberOfThreads(2);"
        "begin_process(1);"
        "print(filters.GetGlobalDefaultNumberOfThreads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "1", "1"], done.stderr
