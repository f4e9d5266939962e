"""Every text of the add-on that Blender translates, found in the code: what a dictionary may hold."""

import ast
import re
from pathlib import Path

_TEXT_KEYWORDS = {"text", "name", "description", "heading"}
_TEXT_FIELDS = {"bl_label", "bl_description"}
_FUNCTIONS = {"tr", "draw_text"}


def msgids(folder: Path) -> set[str]:
    """Texts of all modules below a folder."""
    found: set[str] = set()
    for path in sorted(folder.rglob("*.py")):
        if "languages" not in path.parts:
            found |= _of_module(ast.parse(path.read_text("utf-8")))
    return {text for text in found if re.search("[A-Za-z]{2}", text)}


def _of_module(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=arguments) if name in _FUNCTIONS:
                found |= _strings(arguments)
            case ast.ClassDef(body=body) if _is_shown(node):
                found |= _of_class(body) | {ast.get_docstring(node) or ""}
            case ast.Assign(value=ast.Tuple() | ast.Dict() | ast.Constant() | ast.IfExp() as value):
                found |= _strings([value])
            case ast.AnnAssign(value=ast.Tuple() | ast.Dict() | ast.Constant() as value):
                found |= _strings([value])
            case ast.Return(value=ast.expr() as value):
                found |= _strings([value])
            case _:
                pass
        if isinstance(node, ast.Call):
            found |= _strings([word.value for word in node.keywords if word.arg in _TEXT_KEYWORDS])
            found |= _strings(node.args)
    return found


def _is_shown(node: ast.ClassDef) -> bool:
    return node.name.startswith("ONE2345_")


def _of_class(body: list[ast.stmt]) -> set[str]:
    values = [
        line.value
        for line in body
        if isinstance(line, ast.Assign)
        and isinstance(line.targets[0], ast.Name)
        and line.targets[0].id in _TEXT_FIELDS
    ]
    return _strings(values)


def _strings(nodes: list[ast.expr]) -> set[str]:
    return {
        leaf.value
        for node in nodes
        for leaf in ast.walk(node)
        if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
    }
