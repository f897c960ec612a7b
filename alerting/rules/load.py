"""Reads the rule files that patterns name and tells every fault of every file at once."""

import errno
import glob
import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from alerting.errors import Place, RuleProblem
from alerting.rules.parse import Allowed, parse_groups
from alerting.rules.rule import Rule, RuleGroup

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one rule file; a larger one is refused."""

_KINDS: Final = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """What was read. With problems the groups are incomplete and must not replace a running set.

    `unmatched` are globs that matched no file, which Prometheus allows. `recording` says that results are written
    back, so that recording rules are among the groups and alerts have series of their own. `truncated` are files
    of which only the first YAML document was read, as Prometheus does.
    """

    groups: tuple[RuleGroup, ...]
    problems: tuple[RuleProblem, ...]
    unmatched: tuple[str, ...] = ()
    recording: bool = False
    truncated: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but most likely not meant, each a sentence to show."""
        return (
            *(f"no file matches {pattern}" for pattern in self.unmatched),
            *(f"{file}: only the first of its YAML documents is read" for file in self.truncated),
            *_duplicates(self.groups),
            *(() if self.recording else _without_series(self.groups)),
        )


def load_rule_files(globs: Sequence[str], *, recording: bool = False, experimental: bool = False) -> LoadedRules:
    """Read every file the globs name, each once, in order of their names. Never raises for a bad file.

    `recording` says that there is an address to write results back to; without it recording rules are problems.
    `experimental` allows the PromQL functions that Prometheus has behind its flag promql-experimental-functions.
    """
    # Path.glob reads no absolute pattern.
    matches = {pattern: sorted(glob.glob(pattern, recursive=True)) for pattern in globs}  # noqa: PTH207
    named = {pattern for pattern in globs if not glob.has_magic(pattern)}
    files = dict.fromkeys(file for pattern in globs for file in matches[pattern] or {pattern} & named)
    loaded = [_load_file(file, recording=recording, experimental=experimental) for file in files]
    return LoadedRules(
        groups=tuple(group for one in loaded for group in one.groups),
        problems=tuple(problem for one in loaded for problem in one.problems),
        unmatched=tuple(pattern for pattern in globs if not matches[pattern] and pattern not in named),
        recording=recording,
        truncated=tuple(file for one in loaded for file in one.truncated),
    )


def parse_rules(file: str, text: str, *, recording: bool = False, experimental: bool = False) -> LoadedRules:
    """Read the text of one rule file; `file` is the name its problems are told under."""
    groups, problems, more = parse_groups(file, text, Allowed(recording, experimental))
    return LoadedRules(groups, problems, recording=recording, truncated=(file,) if more else ())


def read_text(file: str) -> str:
    """The text of a YAML file; raises RuleProblem for what cannot be read, is no file or is too large."""
    try:
        return _decoded(_content(file))
    except OSError as wrong:
        told = f"cannot be read: {wrong.strerror or wrong}"
    except UnicodeDecodeError as wrong:
        told = f"yaml: invalid UTF-8 at byte {wrong.start}"
    raise RuleProblem(Place(file, 1, 1), told)


def _load_file(file: str, *, recording: bool, experimental: bool) -> LoadedRules:
    try:
        text = read_text(file)
    except RuleProblem as wrong:
        return LoadedRules((), (wrong,), recording=recording)
    return parse_rules(file, text, recording=recording, experimental=experimental)


def _content(file: str) -> bytes:
    """The bytes of a regular file; OSError says why there are none, also for a file too large."""
    # Opening a named pipe would wait for a writer without this flag.
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            kind = _KINDS.get(stat.S_IFMT(mode), "no regular file")
            raise OSError(errno.EINVAL, f"it is {kind}; name a rule file")
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            content = opened.read(LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, f"it is larger than {LARGEST // 1024**2} MiB; split it")
    return content


def _decoded(content: bytes) -> str:
    """The text of a YAML file, in UTF-16 when a byte order mark says so."""
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if is_wide else "utf-8-sig")


def _duplicates(groups: Sequence[RuleGroup]) -> Iterator[str]:
    """The lint `duplicate-rules` of promtool: rules of one file with the same name and labels."""
    alike: defaultdict[tuple[object, ...], list[Rule]] = defaultdict(list)
    for group in groups:
        for rule in group.rules:
            labels = {name: value for name, value in rule.labels.items() if value}
            alike[rule.file, rule.name, tuple(sorted(labels.items()))].append(rule)
    for first, *others in alike.values():
        for rule in others:
            yield (
                f'{_place(rule)}: duplicate of rule {first.index} of group "{first.group}", which has the same name '
                "and labels; might cause inconsistency while recording expressions"
            )


def _without_series(groups: Sequence[RuleGroup]) -> Iterator[str]:
    rules = [rule for group in groups for rule in group.alert_rules]
    ours = {rule.name for rule in rules}
    for rule in rules:
        for name in sorted((rule.expression.reads_alerts or frozenset()) & ours):
            yield (
                f'{_place(rule)}: reads ALERTS of "{name}", '
                "which is evaluated here and not written back, so Prometheus has no such series"
            )


def _place(rule: Rule) -> str:
    return f'{rule.file}: group "{rule.group}", rule {rule.index}, "{rule.name}"'
