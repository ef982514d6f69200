"""The pages of the documentation that are made from the code, as a hook of mkdocs.

``mkdocs build`` calls :func:`on_files`; every page says what the code says at that moment. The
words for columns and vocabularies stand in ``docs/reference/tables.toml``, which tests hold to the
code; the output of the examples stands beside them and is held by the tests that run them.
"""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from imaging.setting import leaves
from pet import pet_papers
from pet.response.protocol import PetProtocol
from recist import papers
from recist.cli import COMMANDS, app
from recist.cli.review import OPEN as DEFAULT_ROOM
from recist.protocol import PRESETS, SETTINGS, effective
from recist.protocol.field import PROFILES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
#: Files of the project that are pages of the site as they stand.
PROJECT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "models/lesion_ctpet/docs/README.md": "model-lesion-ctpet.md",
    "models/lesion_ct/docs/README.md": "model-lesion-ct.md",
}
EXAMPLES = ("timepoints_from_a_frame", "abscopal_response_of_a_cohort", "pet_response")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here to those that are written."""
    pages = {
        **{page: written(file) for file, page in PROJECT.items()},
        "reference/commands.md": commands(),
        "reference/tables.md": tables(),
        "reference/settings.md": settings(),
        "reference/rules.md": rules(),
        **{f"examples/{name}.md": example(name) for name in EXAMPLES},
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def written(path: str) -> str:
    """A file of the project as a page: links from its folder become links of the site."""
    text = (ROOT / path).read_text(encoding="utf-8")
    for file, page in PROJECT.items():
        seen_from_here = os.path.relpath(ROOT / file, (ROOT / path).parent).replace(os.sep, "/")
        text = text.replace(f"]({seen_from_here})", f"]({page})")
    return text.replace("](docs/", "](")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield ""
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        cells = (cell.replace("|", "\\|").replace("\n", " ") for cell in row)
        yield "| " + " | ".join(cells) + " |"
    yield ""


# --- commands ------------------------------------------------------------------------------------


def commands() -> str:
    """Every command with its options, as the command line shows them."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("recist", ["--help"], resilient_parsing=True)
    lines = [
        "# Commands",
        "",
        "Exit code 0: all done; 1: some of it failed and is named, the rest is",
    ]
    lines += [
        "complete; 2: nothing could be done, and why.",
        "",
        "`recist --log-file FILE COMMAND ...` appends to a file what was asked, what the command",
        "says, each line with its time in UTC, and the exit code. Warnings of DICOM libraries are",
        "left out of it: they quote header values, patients' names among them.",
        "",
        "`recist --install-completion` sets up completion of commands and options for the shell in",
        "use (bash, zsh, fish, PowerShell); `recist --show-completion` prints the script instead.",
        "",
    ]
    for panel, names in COMMANDS.items():
        if "review" in names:
            continue
        lines += [f"## {panel}", ""]
        for name in names:
            command = root.get_command(context, name)
            inner = command.make_context(name, ["--help"], parent=context, resilient_parsing=True)
            lines += _command(name, command, inner)
    lines += ["## In the browser", ""]
    group = root.get_command(context, "review")
    outer = group.make_context("review", ["--help"], parent=context, resilient_parsing=True)
    for name, command in group.commands.items():
        inner = command.make_context(name, ["--help"], parent=outer, resilient_parsing=True)
        shown = "review" if name == DEFAULT_ROOM else f"review {name}"
        lines += _command(shown, command, inner)
    return "\n".join(lines) + "\n"


def _command(name: str, command: Any, context: Any) -> Iterator[str]:
    yield f"### recist {name}"
    yield ""
    yield (command.help or "").strip()
    yield ""
    yield "```text"
    yield command.get_usage(context).removeprefix("Usage: ")
    yield "```"
    rows = []
    for one in command.params:
        if one.param_type_name == "argument":
            rows.append((f"`{str(one.name).upper()}`", "", one.help or ""))
            continue
        if one.hidden or one.name == "help":
            continue
        flags = ", ".join(f"`{flag}`" for flag in (*one.opts, *one.secondary_opts))
        rows.append((flags, _default(one, context), one.help or ""))
    yield from table(("", "default", "meaning"), rows)


def _default(option: Any, context: Any) -> str:
    value = option.get_default(context, call=False)
    if option.required:
        return "required"
    if value is None or value is False or value == () or callable(value):
        return ""
    return f"`{value}`"


# --- tables --------------------------------------------------------------------------------------


def meanings() -> Mapping[str, Any]:
    """What stands in ``docs/reference/tables.toml``."""
    return tomllib.loads((DOCS / "reference" / "tables.toml").read_text(encoding="utf-8"))


def tables() -> str:
    """Every table with its columns, and every word of a cell."""
    known = meanings()
    lines = ["# Tables, columns and words", ""]
    lines += ["An empty cell is what is not known. Case and outer blanks of a header do not count;"]
    lines += ["columns that are not named here are not read.", ""]
    for way, title in (
        ("in", "What you give"),
        ("in and out", "What goes both ways"),
        ("out", "What you get"),
    ):
        lines += [f"## {title}", ""]
        for name, one in known.items():
            if name == "words" or one["way"] != way:
                continue
            lines += [f"### {one['title']} {{ #{name} }}", "", one["about"].strip()]
            rows = [
                (f"`{column}`".replace("|", "` or `"), text)
                for column, text in one["columns"].items()
            ]
            lines += table(("column", "meaning"), rows)
    lines += ["## Words", ""]
    for name, one in known["words"].items():
        lines += [f"### {one['title']} {{ #word-{name} }}"]
        lines += table(
            ("word", "meaning"), ((f"`{word}`", text) for word, text in one["words"].items())
        )
    lines += [
        "## Other files",
        "",
        "`organs.json` lies in the folder of `--organs`, beside label maps of organs on the",
    ]
    lines += [
        "grid of the CT (one file per date with all classes, as TotalSegmentator writes them), and",
        "names their labels:",
    ]
    lines += [
        "",
        "```json",
        '{"1": "spleen", "2": "kidney_right", "52": "lymph_node_left_axilla"}',
        "```",
        "",
    ]
    lines += [
        "Every label needs a name. One that holds lymph, node, nodal or station makes a lesion",
        "in it a node.",
        "",
    ]
    return "\n".join(lines) + "\n"


# --- settings ------------------------------------------------------------------------------------


def settings() -> str:
    """Every setting with its options, default and source; every preset; field and PET."""
    lines = [
        "# Settings",
        "",
        "A protocol (`--protocol`) is the name of a preset, or a TOML file whose sections",
        "`[recist]`, `[field]` and `[pet]` name what they change. The",
    ]
    lines += ["settings in force are written out with every result.", "", "## Response", ""]
    rows = []
    for one in SETTINGS.values():
        options = ", ".join(f"`{option}`" for option in one.options) or one.kind.__name__
        default = str(one.default).lower() if isinstance(one.default, bool) else str(one.default)
        rows.append((f"`{one.name}`", options, f"`{default}`", one.about, one.source))
    lines += table(("setting", "options", "default", "what it decides", "source"), rows)
    lines += ["## Presets", ""]
    base = effective(PRESETS["recist11-eortc"])
    for name, preset in PRESETS.items():
        lines += [f"### {name}", ""]
        changed = {
            key: value
            for key, value in effective(preset).items()
            if key != "name" and value != base[key]
        }
        if changed:
            lines += table(
                ("setting", "value"), ((f"`{key}`", f"`{value}`") for key, value in changed.items())
            )
        else:
            lines += ["The defaults above.", ""]
    lines += [
        "## Irradiated field",
        "",
        "Profiles of thresholds; what each means: [the irradiated field](../field.md).",
        "",
    ]
    values = {key: {n: v for n, _, v in leaves(one)} for key, one in PROFILES.items()}
    lines += table(
        ("threshold", *PROFILES, "what it decides", "source"),
        (
            (
                f"`{name}`",
                *(f"`{_shown(values[key][name])}`" for key in PROFILES),
                one.about,
                one.source,
            )
            for name, one, _ in leaves(next(iter(PROFILES.values())))
        ),
    )
    lines += [
        "## PET",
        "",
        "One table of `[pet]` for each set of criteria; see [PET](../pet.md).",
        "",
    ]
    lines += table(
        ("setting", "options", "default", "what it decides", "source"),
        (
            (
                f"`{name}`",
                ", ".join(f"`{option}`" for option in one.options),
                f"`{_shown(value)}`",
                one.about,
                one.source,
            )
            for name, one, value in leaves(PetProtocol())
        ),
    )
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    """A value as a trial writes it into its file."""
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(each) for each in value)}]"
    if isinstance(value, float):
        return f"{value:.4g}"
    return (
        "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


# --- rules ---------------------------------------------------------------------------------------


def rules() -> str:
    """Every paper with the places that are cited, and the modules that apply them."""
    cited = _citations()
    lines = [
        "# Rules and their sources",
        "",
        "What is cited under a reason or a setting, and the modules that apply it.",
        "",
    ]
    for name, paper in sorted(_papers().items(), key=lambda item: item[1].name):
        lines += [f"## {paper.name}", "", f"{paper.title}. {paper.reference}.", ""]
        places = cited.get(name, {})
        rows = [
            (
                place or "the paper",
                paper.sections.get(place, ""),
                ", ".join(f"`{module}`" for module in sorted(modules)),
            )
            for place, modules in sorted(places.items())
        ]
        if rows:
            lines += table(("place", "what it says", "applied in"), rows)
    return "\n".join(lines) + "\n"


@cache
def _papers() -> dict[str, Any]:
    """Constant name -> paper, of all modules that name papers."""
    found = {**vars(pet_papers), **vars(papers)}
    return {name: one for name, one in found.items() if type(one).__name__ == "Paper"}


def _citations() -> dict[str, dict[str, set[str]]]:
    """Constant name of a paper -> place -> modules, read off the calls ``RECIST11("4.3.1")``."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for module, tree in _modules():
        if module.endswith("papers"):
            continue
        called = set()
        nodes = list(ast.walk(tree))
        for node in nodes:
            if isinstance(node, ast.Call) and (name := _paper(node.func)):
                called.add(node.func)
                places = [str(one.value) for one in node.args if isinstance(one, ast.Constant)]
                for place in places or [""]:
                    found[name][place].add(module)
        for node in nodes:
            if node not in called and (name := _paper(node)):
                found[name][""].add(module)
    return found


def _paper(node: ast.AST) -> str:
    """The paper that ``RECIST11`` or ``pet_papers.PERCIST`` means; empty for anything else."""
    name = ""
    if isinstance(node, ast.Name):
        name = node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        name = node.attr if node.value.id in ("papers", "pet_papers") else ""
    return name if name in _papers() else ""


def _modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    """Dotted name and syntax of the modules of some packages; by default of those that cite."""
    for package in packages or ("pet", "recist"):
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield module.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


# --- rooms ---------------------------------------------------------------------------------------


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the modules of a package in the place of ``<!-- modules of NAME -->``."""
    return re.sub(r"<!-- modules of (\w+) -->", lambda found: modules(found[1]), markdown)


def modules(package: str) -> str:
    """The modules of a package and the first line of what each says of itself."""
    told = (
        (module, (ast.get_docstring(tree) or "").split("\n")[0])
        for module, tree in _modules(package)
    )
    rows = ((f"`{module}`", line) for module, line in told if line)
    return "\n".join(table(("module", "what is in it"), rows))


# --- examples ------------------------------------------------------------------------------------


def example(name: str) -> str:
    """A script of ``docs/examples`` under its own first words, with what it prints."""
    code = (DOCS / "examples" / f"{name}.py").read_text(encoding="utf-8")
    told = ast.get_docstring(ast.parse(code)) or ""
    title, _, about = told.partition("\n")
    body = code.split('"""', 2)[2].strip()
    output = (DOCS / "examples" / f"{name}.txt").read_text(encoding="utf-8").rstrip()
    code, printed = f"```python\n{body}\n```", f"```text\n{output}\n```"
    return f"# {title.rstrip('.')}\n{about}\n\n{code}\n\nIt prints:\n\n{printed}\n"
