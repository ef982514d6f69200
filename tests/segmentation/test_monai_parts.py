"""MONAI's own network, of which no more is loaded than it needs."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import monai.networks.nets.segresnet
import monai.networks.utils
import pytest
import torch

from segmentation.monai_parts import Parts

SEGRESNET = "monai.networks.nets.segresnet"
SETTINGS = {
    "spatial_dims": 3,
    "in_channels": 8,
    "out_channels": 8,
    "init_filters": 8,
    "blocks_down": (1, 2),
    "blocks_up": (1,),
}
#: A package that does what MONAI's do: names from a module, from a package, and in a circle.
ORGANS = {
    "__init__.py": "from .paired import Kidney, count as how_many\n"
    "from . import unpaired\n"
    "from . import paired as sides\n",
    "paired.py": "import organs.unpaired.liver as liver\n"
    "from organs import unpaired\n"
    "from organs.unpaired import Liver\n"
    "class Kidney:\n    neighbour = Liver\n"
    "def count():\n    from .unpaired import Spleen\n    return Spleen, liver.Liver\n",
    "unpaired/__init__.py": "from organs.unpaired.liver import Liver\nfrom .spleen import Spleen\n",
    "unpaired/liver.py": "import organs\nclass Liver: pass\ndef beside(): return organs.Kidney\n",
    "unpaired/spleen.py": "class Spleen: pass\n",
    "unpaired/untouched.py": "raise RuntimeError('nobody asked for this')\n",
}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [each for each in sys.modules if each.partition(".")[0] == "organs"]:
        del sys.modules[name]


def install(folder: Path, **changed: str) -> None:
    files: Mapping[str, str] = ORGANS | {f"{name}.py": text for name, text in changed.items()}
    for name, text in files.items():
        (folder / "organs" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "organs" / name).write_text(text)


def network(module: object) -> torch.nn.Module:
    torch.manual_seed(7)
    made: torch.nn.Module = module.SegResNet(**SETTINGS).eval()  # type: ignore[attr-defined]
    return made


def test_the_network_is_that_of_all_of_monai(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = monai.networks.nets.segresnet
    monkeypatch.delitem(sys.modules, "monai")
    others = {name for name in sys.modules if name.startswith("monai")}
    parts = Parts("monai")
    part = parts.part(SEGRESNET)
    assert part.SegResNet is not whole.SegResNet
    assert part.__file__ == whole.__file__
    assert {name for name in sys.modules if name.startswith("monai")} == others
    ours, theirs = network(part), network(whole)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    image = torch.rand(1, 8, 16, 16, 16)
    with torch.inference_mode():
        assert torch.equal(ours(image), theirs(image))
        shuffled = parts.part("monai.networks.utils").pixelshuffle(ours(image), 3, 2)
        assert torch.equal(shuffled, monai.networks.utils.pixelshuffle(theirs(image), 3, 2))
    # Training and storing: weights go from one to the other.
    theirs.load_state_dict(ours.state_dict())


def test_where_all_of_monai_is_loaded_it_is_used() -> None:
    assert Parts("monai").part(SEGRESNET) is monai.networks.nets.segresnet


def test_a_network_loads_nothing_but_what_it_needs() -> None:
    code = (
        "import sys; from segmentation.network import LesionNet; LesionNet(8, (1,), ());"
        "print({'monai', 'pandas', 'matplotlib', 'nibabel', 'SimpleITK'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "set()", done.stderr


def test_names_come_from_where_a_package_takes_them(installed: Path) -> None:
    install(installed)
    parts = Parts("organs")
    organs, paired = parts.part("organs"), parts.part("organs.paired")
    spleen, liver = organs.how_many()
    assert organs.Kidney is organs.sides.Kidney is paired.Kidney
    assert paired.Kidney.neighbour is liver is paired.unpaired.Liver
    assert spleen is parts.part("organs.unpaired.spleen").Spleen
    assert parts.part("organs.unpaired.liver").beside() is paired.Kidney
    assert not hasattr(organs, "Thymus")
    assert "organs" not in sys.modules


@pytest.mark.parametrize(
    "changed",
    [
        {"__init__": "SIDES = 2\n", "paired": "from organs import SIDES\nclass Kidney: pass\n"},
        {"__init__": "from .paired import *\n", "paired": "class Kidney: pass\n",
         "adrenal": "from organs import *\nKidney\n"},
        {"__init__": "from .paired import Kidney\n",
         "paired": "import sys\nsys.modules[__name__]\nclass Kidney: pass\n"},
    ],
    ids=["its own names", "all names", "a module that looks for itself"],
)  # fmt: skip
def test_a_package_that_does_more_than_to_import_is_loaded_whole(
    installed: Path, changed: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    install(installed, **changed)
    name = "organs.adrenal" if "adrenal" in changed else "organs.paired"
    with caplog.at_level(logging.DEBUG, "segmentation"):
        part = Parts("organs").part(name)
    assert part is sys.modules[name]
    assert part.Kidney
    assert "all of organs is loaded" in caplog.text


def test_what_is_missing_is_told_as_ever(installed: Path) -> None:
    install(installed, adrenal="import nobody_has_installed_this\n")
    with pytest.raises(ModuleNotFoundError, match="nobody_has_installed_this"):
        Parts("organs").part("organs.adrenal")
    with pytest.raises(ModuleNotFoundError, match=r"organs\.thymus"):
        Parts("organs").part("organs.thymus")


def test_threads_that_ask_at_once_get_the_same(installed: Path) -> None:
    slow = "import time\ntime.sleep(0.05)\n" + ORGANS["paired.py"]
    install(installed, paired=slow)
    parts, together = Parts("organs"), threading.Barrier(4)

    def asked(_: int) -> object:
        together.wait()
        return parts.part("organs.paired").Kidney

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(asked, range(4)))) == 1
