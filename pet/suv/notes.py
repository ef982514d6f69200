"""What is noted while a header is read: adaptations, doubts, checks and warnings."""

from __future__ import annotations

from dataclasses import dataclass, field

from pet.suv.audit import Adaptation, Check
from pet.suv.suv_errors import StrictError


@dataclass(slots=True)
class Notes:
    """Collects remarks; with ``strict`` an adaptation or a doubt is an error at once."""

    strict: bool = False
    adaptations: list[Adaptation] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def adapt(
        self, tag: str, found: str, used: str, rule: str, effect_percent: float | None
    ) -> None:
        """A value is used otherwise than written."""
        if self.strict:
            raise StrictError(tag, f"is {found}, not {used}: {rule}", remedy="drop --strict")
        note = Adaptation(tag, found, used, rule, effect_percent)
        if note not in self.adaptations:
            self.adaptations.append(note)
            self.warn(f"{tag}: {found} used as {used} ({rule})")

    def doubt(self, tag: str, text: str) -> None:
        """The number may be wrong although no value was changed."""
        if self.strict:
            raise StrictError(tag, text, remedy="drop --strict to accept it")
        self.warn(f"{tag} {text}")

    def warn(self, text: str) -> None:
        """A remark that leaves the number as it is."""
        if text not in self.warnings:
            self.warnings.append(text)

    def check(self, name: str, expected: float, found: float, limit_percent: float) -> bool:
        """Records a second way to the same number; True if the two agree."""
        deviation = 100.0 * (found / expected - 1.0)
        passed = abs(deviation) <= limit_percent
        self.checks.append(Check(name, expected, found, deviation, passed))
        return passed
