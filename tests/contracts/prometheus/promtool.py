"""The promtool on PATH as a judge of rule files, many in one call, and our own verdict in the same words."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alerting.rules.load import load_rule_files

_PLACE = re.compile(r'^(?:\d+:\d+: )*(?:group "(?:[^"\\]|\\.)*", rule \d+, "(?:[^"\\]|\\.)*": )?', re.DOTALL)
_LINE = re.compile(r"^  line \d+: ", re.MULTILINE)
_WARNING = re.compile(r"^time=\S+ level=WARN .*\n", re.MULTILINE)
_OF_DURATIONS = ("not a valid duration string", "unknown unit", "empty duration", "duration out of range")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a file is accepted, and else why; `is_form` says that it was refused for its form, before
    its rules were looked at.
    """

    accepted: bool
    messages: frozenset[str] = frozenset()
    is_form: bool = False


@cache
def version() -> tuple[int, ...]:
    """As (3, 16, 0)."""
    said = subprocess.run(["promtool", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in said.split("version ")[1].split(" ")[0].split("+")[0].split("."))


def judge(folder: Path, texts: Mapping[str, str | bytes], *options: str) -> dict[str, tuple[Verdict, Verdict]]:
    """Of each named text, promtool's verdict and ours."""
    files = {}
    for number, (name, text) in enumerate(texts.items()):
        file = folder / f"{number}.yml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        files[name] = str(file)
    theirs = _promtool([*files.values()], *options)
    return {name: (theirs[file], _ours(file)) for name, file in files.items()}


def _promtool(files: list[str], *options: str) -> dict[str, Verdict]:
    checked = subprocess.run(
        ["promtool", "check", "rules", "--lint=none", *options, *files], capture_output=True, check=False
    )
    told: dict[str, list[str]] = {file: [] for file in files}
    said = _WARNING.sub("", checked.stderr.decode(errors="replace"))
    for error in re.split(r"^(?=\S+\.yml: )|^  FAILED:\n", said, flags=re.MULTILINE):
        file, _, message = error.partition(": ")
        if file in told:
            told[file].append(message.removesuffix("\n"))
    sections = re.split(r"^Checking ", checked.stdout.decode(errors="replace"), flags=re.MULTILINE)[1:]
    accepted = {section.partition("\n")[0]: "SUCCESS" in section for section in sections}
    return {file: _verdict(accepted[file], told[file]) for file in files}


def _verdict(accepted: bool, errors: list[str]) -> Verdict:
    messages: set[str] = set()
    for error in errors:
        if error.startswith("yaml: unmarshal errors:"):
            messages |= {part.removesuffix("\n") for part in _LINE.split(error)[1:]}
        else:
            messages.add(re.sub(r"^yaml: (?:line \d+: )?", "", _PLACE.sub("", error)))
    return Verdict(accepted, frozenset(messages), any(e.startswith(("yaml: ", *_OF_DURATIONS)) for e in errors))


def _ours(file: str) -> Verdict:
    loaded = load_rule_files([file], recording=True)
    messages = frozenset(problem.message.removeprefix("yaml: ") for problem in loaded.problems)
    return Verdict(not loaded.problems, messages)


def refused_expressions(folder: Path, expressions: Sequence[str]) -> dict[str, str]:
    """Those that promtool refuses in a rule, and why."""
    rules = "".join(f"  - {{alert: A, expr: {json.dumps(text)}}}\n" for text in expressions)
    file = folder / "expressions.yml"
    file.write_text(f"groups:\n- name: g\n  rules:\n{rules}")
    checked = subprocess.run(["promtool", "check", "rules", "--lint=none", file], capture_output=True, check=False)
    told = re.findall(r'group "g", rule (\d+), "A": (.*)', checked.stderr.decode(errors="replace"))
    return {expressions[int(number) - 1]: why for number, why in told}
