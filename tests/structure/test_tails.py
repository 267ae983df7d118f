"""We police tails, not averages: the longest file, the longest function, the widest signature, the widest except."""

import ast

import pytest

from tests.structure.tree import OURS, ROOT, Function, Source, sources

FILE_LINES = 400
FUNCTION_LINES = 60
PARAMETERS = 6
BANNED = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
BROAD = {"Exception", "BaseException"}
MAY_CATCH_ALL = {"app/tasks.py"}
LEFTOVERS = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "NotImplemented" + "Error")


def _parameters(function: Function, *, method: bool) -> int:
    a = function.args
    return len(a.posonlyargs) + len(a.args) + len(a.kwonlyargs) - (1 if method else 0)


def _methods(source: Source) -> set[int]:
    return {
        id(f)
        for c in ast.walk(source.tree)
        if isinstance(c, ast.ClassDef)
        for f in c.body
        if isinstance(f, Function)
        and not any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in f.decorator_list)
    }


def test_no_file_is_long():
    assert not [f"{s.path}: {s.lines}" for s in sources(*OURS) if s.lines > FILE_LINES]


def test_no_function_is_long():
    long = [
        f"{s.path}:{f.lineno} {f.name}: {f.end_lineno - f.lineno + 1}"
        for s in sources(*OURS)
        for f in s.functions()
        if f.end_lineno - f.lineno + 1 > FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_no_function_has_many_parameters():
    wide = []
    for source in sources(*OURS):
        methods = _methods(source)
        wide += [
            f"{source.path}:{f.lineno} {f.name}"
            for f in source.functions()
            if _parameters(f, method=id(f) in methods) > PARAMETERS
        ]
    assert not wide, "\n".join(wide)


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """Bare or broad, unless it only cleans up: a handler that ends in a plain `raise` hides nothing."""
    if isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None:
        return False
    if handler.type is None:
        return True
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(n, ast.Name) and n.id in BROAD for n in names)


def test_only_the_job_runner_catches_everything():
    wide = [
        f"{s.path}:{node.lineno}"
        for s in sources(*OURS, "deploy")
        if s.path not in MAY_CATCH_ALL
        for node in ast.walk(s.tree)
        if isinstance(node, ast.ExceptHandler) and _catches_all(node)
    ]
    assert not wide, "\n".join(wide)


def test_public_functions_of_services_have_docstrings():
    bare = [
        f"{s.path}: {name}"
        for s in sources("services")
        for name, f in s.public()
        if not ast.get_docstring(f) and not _is_plain_property(f)
    ]
    assert not bare, "\n".join(bare)


def _is_plain_property(f: Function) -> bool:
    """A property's name and type say what it is; so do a protocol's."""
    return any(isinstance(d, ast.Name) and d.id == "property" for d in f.decorator_list)


def test_every_service_module_opens_with_a_chapter():
    bare = [s.path for s in sources("services") if s.text.strip() and not ast.get_docstring(s.tree)]
    assert not bare


@pytest.mark.parametrize("folder", [*OURS, "deploy", "tests"])
def test_no_module_has_a_name_that_says_nothing(folder):
    named = [
        p.relative_to(ROOT).as_posix()
        for p in (ROOT / folder).rglob("*")
        if p.stem in BANNED and p.suffix in {"", ".py"}
    ]
    assert not named


def test_nothing_is_left_for_later():
    left = [f"{s.path}: {word}" for s in sources(*OURS, "deploy") for word in LEFTOVERS if word in s.text]
    assert not left


def test_no_function_has_a_mutable_default():
    wrong = [
        f"{s.path}:{f.lineno} {f.name}"
        for s in sources(*OURS)
        for f in s.functions()
        if any(isinstance(d, ast.List | ast.Dict | ast.Set) for d in [*f.args.defaults, *f.args.kw_defaults])
    ]
    assert not wrong


def test_no_path_of_a_machine_is_in_the_tree():
    wrong = [
        s.path for s in sources(*OURS, "deploy") if any(home in s.text for home in ("/home/", "/root/", "/Users/"))
    ]
    assert not wrong
