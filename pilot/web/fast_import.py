"""Import Gradio in half the time: left alone, it rewrites stub files in its own package at each import, and loads an
MCP server that nobody asked for.

4.2 CPU seconds become 2.3 (gradio 6.31, two cores).
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

STUB_WRITER = "gradio.component_meta"


@contextmanager
def lean_gradio() -> Iterator[None]:
    """Within it, import what imports Gradio."""
    finder = _WithoutStubs()
    sys.meta_path.insert(0, finder)
    without_mcp = "mcp" not in sys.modules
    if without_mcp:
        sys.modules["mcp"] = None  # type: ignore[assignment]  # None makes `import mcp` fail, which Gradio allows for
    try:
        yield
    finally:
        if without_mcp:
            del sys.modules["mcp"]
        sys.meta_path.remove(finder)


class _WithoutStubs(MetaPathFinder):
    """Loads Gradio's stub writer as it is, then makes its one function do nothing."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == STUB_WRITER else None
        if spec is None or spec.loader is None:
            return None
        run: Any = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            if hasattr(module, "create_or_modify_pyi"):
                module.create_or_modify_pyi = lambda *_, **__: None  # type: ignore[attr-defined]

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
