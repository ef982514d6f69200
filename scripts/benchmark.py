"""Our time beside a peer's, in one run: every figure that the notes and the README quote.

    python scripts/benchmark.py                  # everything that can run here
    python scripts/benchmark.py imaging measure  # only these

Each part lives in ``scripts/benchmark_<part>.py`` and offers functions whose name starts with
``compare_``; each prints its own lines: what, ours, the peer's, the ratio. Peers that are not
installed are named and left out. Real images are found through ``$RECIST_DATA``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(wanted: list[str]) -> int:
    parts = sorted(path.stem.removeprefix("benchmark_") for path in HERE.glob("benchmark_*.py"))
    unknown = sorted(set(wanted) - set(parts))
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are: {', '.join(parts)}", file=sys.stderr)
        return 2
    print(f"{os.cpu_count()} cores; medians of interleaved runs; ratio = peer / ours")
    for part in wanted or parts:
        spec = importlib.util.spec_from_file_location(part, HERE / f"benchmark_{part}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, compare in vars(module).items():
            if name.startswith("compare_") and callable(compare):
                print(f"\n== {part}: {name.removeprefix('compare_').replace('_', ' ')}")
                compare()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
