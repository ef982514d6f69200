"""What a user installs: a wheel that holds all it needs, under one version."""

from __future__ import annotations

import os
import re
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import recist

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    """What a command printed, without this checkout or a network in its reach."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**env, "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs of an environment that holds the wheel; the libraries are ours."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    build = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    run(*pip, *build, ROOT, cwd=folder)
    (wheel,) = folder.glob("recist-*.whl")
    home = folder / "environment"
    venv.create(home, with_pip=False)
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    python = programs / Path(sys.executable).name
    run(*pip, "--python", python, "install", "--quiet", "--no-deps", wheel, cwd=folder)
    purelib = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    )
    # Paths named by a .pth file are searched last, and their own .pth files are not read: the
    # libraries are found, this checkout, which is installed among them, is not.
    (Path(purelib.strip()) / "libraries.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return programs


@pytest.mark.long
def test_an_installed_copy_is_complete_outside_the_checkout(
    installed: Path, tmp_path: Path
) -> None:
    code = "import recist, segmentation; print(recist.__file__, segmentation.__file__)"
    for place in run(installed / "python", "-c", code, cwd=tmp_path).split():
        assert Path(place).is_relative_to(installed.parent)
    code = (
        "from segmentation.bundle import load_bundle\n"
        "bundle = load_bundle()\n"
        "print(len(bundle.networks(ensemble=True)), bundle.root)"
    )
    networks, root = run(installed / "python", "-c", code, cwd=tmp_path).split()
    assert int(networks) > 1
    assert Path(root).is_relative_to(installed.parent / "share" / "recist" / "models")
    said = run(installed / "recist", "demo", "-o", "demo", cwd=tmp_path)
    assert "RECIST 1.1, all lesions: best PR, last PD" in said
    page = (tmp_path / "demo" / "results" / "PHANTOM-1" / "report.html").read_text()
    assert "esearch use only" in page
    assert f"recist {recist.__version__}" in run(installed / "recist", "--version", cwd=tmp_path)


@pytest.mark.long
def test_the_version_is_one(installed: Path, tmp_path: Path) -> None:
    code = "from importlib.metadata import version; print(version('recist'))"
    assert run(installed / "python", "-c", code, cwd=tmp_path).strip() == recist.__version__
    (cited,) = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert cited == recist.__version__
    released = re.findall(r"^## (\d\S+) - ", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert released[0] == recist.__version__
