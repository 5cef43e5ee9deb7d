"""Imports run one way (docs/architecture.md): a module imports from its own layer or from the ones below."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOST = ROOT / "host" / "sgdma"

# Bottom first. A name is a module or package directly below sgdma.
LAYERS = [
    {"errors"},
    {"closing", "paths"},
    {"rules"},
    {"spec"},
    {"link", "pcie", "vm"},
    {"targets"},
    {"engine"},
    {"bench", "doctor", "run", "suite"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

# Heavy and optional: only a target may import them, and only when it is opened.
LAZY = {"cocotb", "cocotb_tools", "litex", "litepcie", "litedram", "litescope", "migen", "sgdma_soc"}


def modules(top: Path) -> list[Path]:
    return sorted(path for path in top.rglob("*.py") if path.name != "__init__.py" or path.parent != top)


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every dotted name that a module imports, and whether only inside a function."""

    def visit(node: ast.AST, lazy: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module in ("sgdma", "sgdma_soc"):
                yield from ((f"{node.module}.{alias.name}", lazy) for alias in node.names)
            else:
                yield node.module, lazy
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        else:
            inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for child in ast.iter_child_nodes(node):
                yield from visit(child, inside)

    return visit(ast.parse(path.read_text()), False)


@pytest.mark.parametrize("path", modules(HOST), ids=lambda path: str(path.relative_to(HOST)))
def test_host_imports_run_one_way(path: Path) -> None:
    own = path.relative_to(HOST).parts[0].removesuffix(".py")
    assert own in LEVEL, f"{own} has no layer yet: give it one in LAYERS"
    for name, lazy in imports(path):
        parts = name.split(".")
        if parts[0] == "sgdma" and parts[1] in LEVEL:
            assert LEVEL[parts[1]] <= LEVEL[own], f"{own} imports {name} from a layer above"
        if parts[0] in LAZY:
            assert own == "targets", f"{name} is for targets only"
            assert lazy, f"{name} must be imported inside a function"


@pytest.mark.parametrize("path", modules(ROOT / "soc" / "sgdma_soc"), ids=lambda path: path.name)
def test_soc_uses_rules_and_spec_only(path: Path) -> None:
    for name, _ in imports(path):
        if name.startswith("sgdma."):
            assert name.split(".")[1] in {"errors", "rules", "spec"}, f"{path.name} imports {name}"
