"""README's walk through one request names files and functions that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"\b((?:app|services|db)/[\w/]+\.py)(?::(\w+))?")


def walk() -> str:
    text = (ROOT / "README.md").read_text()
    return text.partition("```walk\n")[2].partition("```")[0]


def test_the_walk_has_ten_lines_that_each_name_a_function() -> None:
    lines = walk().strip().splitlines()
    assert len(lines) == 10
    assert all(NAMED.match(line) and NAMED.match(line)[2] for line in lines)


def test_every_named_function_exists() -> None:
    for path, name in NAMED.findall(walk()):
        tree = ast.parse((ROOT / path).read_text())
        if name:
            assert name in {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}, (path, name)


def test_every_path_that_readme_links_exists() -> None:
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target
