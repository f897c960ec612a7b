"""What is wrong with a settings file, told as file:line: field: what, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SettingsProblem:
    """One fault. `field` is the dotted path, such as services.shop.environments.production.port.

    Without a file the message says where by itself.
    """

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        if not self.file:
            return self.message
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class SettingsWrong(Exception):
    """The settings can't be used. Holds every problem found, in the order of the file."""

    def __init__(self, problems: list[SettingsProblem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
