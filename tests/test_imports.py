"""Arrows never turn round: a walk over every file's imports (style.md, "Layout, dependency direction")."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("addon", "backend")

FORBIDDEN = {
    "addon": ("torch", "threading", "diffusers", "transformers", "safetensors"),
    "backend": ("bpy", "bmesh", "addon"),
}
PROTOCOL = "backend.protocol"
SHARED = (PROTOCOL, "backend.lines", "backend.records", "backend.installation", "backend")
"""What the add-on knows of the backend: messages, and the file that says what is installed."""

LOWEST_FIRST = (
    (
        "backend.errors",
        "backend.records",
        "backend.lines",
        "backend.protocol",
        "backend.installation",
        "backend.orphans",
    ),
    (
        "backend.artifacts",
        "backend.storage",
        "backend.packages",
        "backend.downloads",
        "backend.turns",
        "backend.presets",
        "backend.devices",
    ),
    ("backend.geometry", "backend.images"),
    ("backend.diffusion",),
    ("backend.models",),
    ("backend.stages",),
    ("backend.artifact_files", "backend.jobs"),
    ("backend.work", "backend.reports", "backend.thumbnail", "backend.view_models"),
    ("backend.pipeline",),
    ("backend.arguments", "backend.service", "backend.doctor", "backend.install"),
    ("backend.model_commands",),
    ("backend.commands", "backend.worker"),
    ("backend.cli",),
    ("backend.train",),
)
"""Layers: a module imports from its own layer or lower ones."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))}


def imported(name: str) -> set[str]:
    """Every module that a file imports, anywhere in it; `from a import b` is a.b where that is one."""
    package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(FILES[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            full = {f"{base}.{alias.name}" for alias in node.names}
            found |= {item if item in FILES else base for item in full}
    return found


IMPORTS = {name: imported(name) for name in FILES}


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


@pytest.mark.parametrize("package", PACKAGES)
def test_forbidden_packages_are_not_imported(package):
    wrong = [
        (name, module)
        for name, modules in IMPORTS.items()
        for module in modules
        if is_in(name, package) and any(is_in(module, item) for item in FORBIDDEN[package])
    ]
    assert wrong == []


def test_addon_knows_only_the_messages_of_the_backend():
    wrong = [
        (name, module)
        for name, modules in IMPORTS.items()
        for module in modules
        if is_in(name, "addon") and is_in(module, "backend") and module not in SHARED
    ]
    assert wrong == []


def test_addon_imports_itself_relatively():
    """The name of an extension's package is not known in advance."""
    wrong = [
        name
        for name, path in FILES.items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if is_in(name, "addon")
        and isinstance(node, ast.ImportFrom)
        and not node.level
        and (node.module or "").split(".")[0] in PACKAGES
    ]
    assert wrong == []


def layer(module: str) -> int | None:
    for index, names in enumerate(LOWEST_FIRST):
        if any(is_in(module, name) for name in names):
            return index
    return None


def test_no_module_imports_from_a_higher_layer():
    wrong = []
    for name, modules in IMPORTS.items():
        own = layer(name)
        for module in modules:
            other = layer(module)
            if own is not None and other is not None and other > own:
                wrong.append((name, module))
    assert wrong == []


def test_nothing_imports_the_training_code():
    wrong = [
        (name, module)
        for name, modules in IMPORTS.items()
        for module in modules
        if is_in(module, "backend.train") and not is_in(name, "backend.train")
    ]
    assert wrong == []


def test_there_is_no_cycle():
    graph = {
        name: {module for module in modules if module in FILES} - {name} for name, modules in IMPORTS.items()
    }
    graphlib.TopologicalSorter(graph).prepare()


STANDARD = (
    "backend.records",
    "backend.lines",
    PROTOCOL,
    "backend.installation",
    "backend.storage",
    "backend.packages",
    "backend.downloads",
    "backend.turns",
    "backend.models.catalogue",
    "backend.models.store",
)


@pytest.mark.parametrize(
    "name", [*STANDARD, *(name for name in FILES if name.startswith("backend.install."))]
)
def test_what_blenders_python_runs_needs_the_standard_library_alone(name):
    """The protocol, and the whole installer with what it imports."""
    foreign = {module for module in IMPORTS[name] if module.split(".")[0] not in sys.stdlib_module_names}
    known = (*STANDARD, "backend", "backend.errors", "backend.orphans", "backend.terminal")
    assert {
        module for module in foreign if module not in known and not is_in(module, "backend.install")
    } == set()


@pytest.mark.parametrize("module", [PROTOCOL, "backend.cli", "backend.worker"])
def test_importing_it_does_not_import_torch(module):
    script = f"import sys, {module}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_package_files_are_empty():
    wrong = [name for name, path in FILES.items() if path.name == "__init__.py" and path.read_text()]
    assert [name for name in wrong if name != "addon"] == []
