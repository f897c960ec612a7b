"""Rules of the house that no linter knows: one reader of the environment, time as an argument, words for everything."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.source import Module, dotted, load_modules

MODULES = load_modules()

LONGEST = 400  # lines of a file

# The environment is read by bot/settings/read.py, through pydantic-settings. These have reasons of their own.
ENVIRONMENT = {
    "bot/workspace/__main__.py",  # a stranger's process, which knows nothing of our settings
    "bot/demo/parts.py",  # hands the whole environment on to the demo's parts
    "engine/infrastructure/processes.py",  # picks the few harmless variables that a child may see
}

# Time is an argument everywhere else.
CLOCKS = {
    "bot/house/app.py",  # the composition root of the product
    "bot/demo/run.py",  # of the demo
    "bot/inputs/backup_commands.py",  # of `pilothouse backup`
    "bot/inputs/token_commands.py",  # of `pilothouse token`
    "engine/infrastructure/records.py",  # how old a file is by the clock that stamped it
    "bot/workspace/server.py",  # of the workspace
}

# What a person starts and reads in a terminal.
COMMANDS = {
    "bot/demo/run.py",
    "bot/inputs/cli.py",
    "bot/inputs/backup_commands.py",
    "bot/inputs/token_commands.py",
    "bot/house/serve.py",
    "bot/workspace/__main__.py",
}

# Foreign bases, which prescribe and document the methods of their subclasses.
FOREIGN = ("asyncio.", "sa.TypeDecorator[")


def places(found: Iterator[tuple[Module, ast.AST]]) -> set[str]:
    return {module.name for module, _ in found}


def attributes(*names: str) -> Iterator[tuple[Module, ast.AST]]:
    """Where one of these is used, called or handed on."""
    for module in MODULES:
        for node in module.nodes(ast.Attribute):
            if dotted(node) in names:
                yield module, node


def imported(source: str, *names: str) -> Iterator[tuple[Module, ast.AST]]:
    """Where one of these is imported by its own name, which would hide it from `attributes`."""
    for module in MODULES:
        for node in module.nodes(ast.ImportFrom):
            if isinstance(node, ast.ImportFrom) and node.module == source:
                yield from ((module, node) for alias in node.names if alias.name in names)


def test_only_the_settings_read_the_environment() -> None:
    assert places(attributes("os.environ", "os.environb", "os.getenv", "os.getenvb")) == ENVIRONMENT
    assert not places(imported("os", "environ", "environb", "getenv"))
    assert places(imported("pydantic_settings", "BaseSettings")) == {"bot/settings/read.py"}


def test_only_composition_roots_have_a_clock() -> None:
    clocks = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns")
    assert places(attributes(*clocks, *(f"datetime.{name}" for name in clocks))) == CLOCKS
    assert not places(imported("time", "time", "time_ns"))


def test_a_file_is_short_enough_to_be_read() -> None:
    lines = {module.name: len(module.lines) for module in MODULES}
    long = {name: count for name, count in lines.items() if count > LONGEST}
    assert not long, "split them by what they are about"


def test_only_commands_print() -> None:
    printing = {
        module.name
        for module in MODULES
        for node in module.nodes(ast.Call)
        if isinstance(node, ast.Call) and dotted(node.func) == "print"
    }
    assert printing == COMMANDS


def test_a_broad_except_is_told_or_explained() -> None:
    silent = [f"{module.name}:{node.lineno}" for module, node in _broad() if not _accounted(module, node)]
    assert not silent, "raise again, log.exception, or `# noqa: BLE001  # reason`"


def _broad() -> Iterator[tuple[Module, ast.ExceptHandler]]:
    for module in MODULES:
        for node in module.nodes(ast.ExceptHandler):
            if isinstance(node, ast.ExceptHandler):
                caught = [dotted(one) for one in ast.walk(node.type)] if node.type else ["BaseException"]
                if {"Exception", "BaseException"} & set(caught):
                    yield module, node


def _accounted(module: Module, handler: ast.ExceptHandler) -> bool:
    inside = [node for statement in handler.body for node in ast.walk(statement)]
    again = any(isinstance(node, ast.Raise) and node.exc is None for node in inside)
    logged = any(isinstance(node, ast.Call) and dotted(node.func).endswith("log.exception") for node in inside)
    explained = re.search(r"# noqa: BLE001 +(#|-) \S", module.lines[handler.lineno - 1]) is not None
    return again or logged or explained


def test_an_ignored_type_error_has_its_code() -> None:
    bare = [
        f"{module.name}:{number}"
        for module in MODULES
        for number, line in enumerate(module.lines, 1)
        if re.search(r"# type: ignore(?!\[)", line)
    ]
    assert not bare


def test_nothing_is_left_for_later() -> None:
    words = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")
    later = [
        f"{one.name}:{number}" for one in MODULES for number, line in enumerate(one.lines, 1) if words.search(line)
    ]
    assert not later


def test_every_module_says_what_it_is() -> None:
    assert not [module.name for module in MODULES if module.tree.body and not ast.get_docstring(module.tree)]


def test_every_public_name_says_what_it_is() -> None:
    prescribed = frozenset(_of_protocols())
    assert not [f"{module.name}: {name}" for module in MODULES for name in _untold(module.tree.body, prescribed)]


def _of_protocols() -> Iterator[str]:
    """Methods that a port of ours names; who implements them need not say it again."""
    for module in MODULES:
        for node in module.nodes(ast.ClassDef):
            if isinstance(node, ast.ClassDef) and any(
                dotted(base).endswith(("Protocol", "ABC")) for base in node.bases
            ):
                yield from (one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


def _untold(body: list[ast.stmt], prescribed: frozenset[str], owner: str = "") -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if not (
                    _private(node) or _is_stub(node) or ast.get_docstring(node) or (owner and node.name in prescribed)
                ):
                    yield f"{owner}{node.name}"
            case ast.ClassDef() if not _private(node):
                if not ast.get_docstring(node):
                    yield node.name
                if not any(ast.unparse(base).startswith(FOREIGN) for base in node.bases):
                    yield from _untold(node.body, prescribed, f"{node.name}.")


def _private(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    return node.name.startswith("_")


def _is_stub(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return len(node.body) == 1 and ast.unparse(node.body[0]) == "..."
