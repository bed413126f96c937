"""Where text could become a process, code, a query, HTML, a path, a log line or a terminal line.

Found in the syntax trees of the node's own modules, for the list of docs/security/peer-data.md.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from tests.architecture.sources import modules, parsed

PROCESS_MODULES: Final = {"subprocess", "multiprocessing", "pty", "ctypes", "signal"}
CODE_MODULES: Final = {"pickle", "marshal", "shelve", "yaml", "dill", "code", "runpy", "zipimport"}
CODE_NAMES: Final = {"eval", "exec", "compile", "__import__", "import_module"}
HTML_MODULES: Final = {"jinja2", "markupsafe", "html"}
SQL_NAMES: Final = {"exec_driver_sql", "literal_column", "from_statement"}
TERMINAL_NAMES: Final = {"echo", "print", "print_json", "print_table", "secho"}
PATH_NAMES: Final = {"joinpath", "with_name", "with_suffix", "with_stem"}
BROKER_NAMES: Final = {"send_task", "apply_async", "delay", "publish"}
OS_PROCESS: Final = ("system", "popen", "exec", "spawn", "fork", "posix_spawn", "startfile")
LOG_LEVELS: Final = {"debug", "info", "warning", "error", "exception", "critical"}


@cache
def sinks(*folders: str) -> dict[str, set[str]]:
    """Give, for each kind of sink, the modules that have one, as ``node.store.files``."""
    found: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    for module in modules(*folders):
        tree = parsed(module)
        for kind, has_it in _KINDS.items():
            if any(has_it(node) for node in ast.walk(tree)):
                found[kind].add(dotted(module))
    return found


def kinds_in(source: str) -> set[str]:
    """Give the kinds of sink that a piece of code has."""
    tree = ast.parse(source)
    return {kind for kind, has_it in _KINDS.items() if any(map(has_it, ast.walk(tree)))}


def log_fields(*folders: str) -> set[str]:
    """Give the name of every field of every log line."""
    return {
        keyword.arg or "**"
        for module in modules(*folders)
        for node in ast.walk(parsed(module))
        if _is_log_call(node)
        for keyword in node.keywords
    }


def composed_log_events(*folders: str) -> list[str]:
    """Give the log calls whose event is no constant, but for a name of the audit's events."""
    return [
        f"{module}:{node.lineno}"
        for module in modules(*folders)
        for node in ast.walk(parsed(module))
        if _is_log_call(node)
        and not (node.args and isinstance(node.args[0], ast.Constant))
        and not (node.args and ast.unparse(node.args[0]) == "str(event)")
    ]


def dotted(module: Path) -> str:
    """Name a module as an import does."""
    return ".".join(module.with_suffix("").parts).removesuffix(".__init__")


def _is_log_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LOG_LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("log", "logger")
    )


def _imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module.split(".")[0]


def _called(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
        case _:
            return ""


def _starts_a_process(node: ast.AST) -> bool:
    if PROCESS_MODULES & set(_imports(node)) - {"signal"}:
        return True
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr=name):
            return name.startswith(OS_PROCESS)
        case ast.keyword(arg="shell"):
            return True
        case _:
            return False


def _runs_text(node: ast.AST) -> bool:
    is_pattern = isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"
    return bool(CODE_MODULES & set(_imports(node))) or (
        _called(node) in CODE_NAMES and not is_pattern
    )


def _is_textual_sql(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(module="sqlalchemy", names=names):
            return any(alias.name in ("text", "literal_column") for alias in names)
        case ast.Call(func=ast.Attribute(attr="execute"), args=[first, *_]):
            return isinstance(first, ast.JoinedStr | ast.BinOp | ast.Constant)
        case _:
            return _called(node) in SQL_NAMES or "sqlite3" in set(_imports(node))


def _makes_html(node: ast.AST) -> bool:
    return bool(HTML_MODULES & set(_imports(node)))


def _makes_a_path(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(op=ast.Div(), right=ast.JoinedStr()):
            return True
        case ast.Call(func=ast.Name(id="Path" | "PurePosixPath"), args=[first, *_]):
            return not isinstance(first, ast.Constant)
        case _:
            return _called(node) in PATH_NAMES


def _writes_to_the_terminal(node: ast.AST) -> bool:
    return _called(node) in TERMINAL_NAMES


def _logs_a_traceback(node: ast.AST) -> bool:
    return _is_log_call(node) and (
        _called(node) == "exception" or any(k.arg == "exc_info" for k in node.keywords)
    )


def _puts_into_the_broker(node: ast.AST) -> bool:
    return _called(node) in BROKER_NAMES


_KINDS: Final[dict[str, Callable[[ast.AST], bool]]] = {
    "Processes": _starts_a_process,
    "Code": _runs_text,
    "SQL": _is_textual_sql,
    "HTML": _makes_html,
    "Paths": _makes_a_path,
    "Terminal": _writes_to_the_terminal,
    "Tracebacks": _logs_a_traceback,
    "Broker": _puts_into_the_broker,
}
