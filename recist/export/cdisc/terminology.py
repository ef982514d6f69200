"""The controlled terminology: which words a codelist has, as data that can be replaced."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imaging.errors import InputError

SHIPPED = Path(__file__).with_name("terminology.toml")
EXTENDED = "extended"


@dataclass(frozen=True, slots=True)
class Terminology:
    """The words of one release.

    Attributes:
        release: name of the release, written beside the datasets.
        codelists: codelist -> word -> meaning, words of ours included.
        extended: codelist -> words of ours that the release does not have.
    """

    release: str
    codelists: Mapping[str, Mapping[str, str]]
    extended: Mapping[str, frozenset[str]]

    def meaning(self, codelist: str, word: str) -> str:
        """What a word stands for.

        Raises:
            InputError: the release has no such word.
        """
        try:
            return self.codelists[codelist][word]
        except KeyError as error:
            raise InputError(
                f"the terminology {self.release} has no {word!r} in {codelist}",
                remedy="add it to the terminology file",
            ) from error


def load(path: Path = SHIPPED) -> Terminology:
    """The words of a terminology file.

    Raises:
        InputError: no such file, not TOML, no release named, or a codelist that is missing.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"no terminology: {error}", where=path) from error
    release = table.pop("release", None)
    if not isinstance(release, str) or not release:
        raise InputError("no release is named", where=path, remedy='release = "..."')
    codelists: dict[str, dict[str, str]] = {}
    extended: dict[str, frozenset[str]] = {}
    for name, words in table.items():
        if not isinstance(words, dict):
            raise InputError(f"{name} is no codelist", where=path, remedy=f"write [{name}]")
        ours = words.pop(EXTENDED, {})
        codelists[name] = {word: str(meaning) for word, meaning in (*words.items(), *ours.items())}
        extended[name] = frozenset(ours)
    if path != SHIPPED:
        missing = sorted(load().codelists.keys() - codelists.keys())
        if missing:
            raise InputError(f"no codelist {', '.join(missing)}", where=path)
    return Terminology(release, codelists, extended)
