"""LoRA adapters beside each other on one base: each is chosen by name, and takes effect for one forward pass.

The adapters lie in the model itself, switched off. A `View` is the model as one adapter makes it: its forward passes
take the model in turns, so answers of different adapters never meet in one step.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import PeftModel

from pilot.errors import ModelUnusable
from pilot.model.folders import adapters_of, check

WEIGHTS = "adapter_model.safetensors"


class Shelf:
    """The adapters of the model in `base`; those that lie in `models_dir` are attached when they are first asked for.

    The methods may be called by any thread.
    """

    def __init__(self, model: Any, base: Path, models_dir: Path) -> None:
        self.model = model
        self._base = base
        self._models_dir = models_dir
        self._lock = threading.RLock()
        self._peft: Any = None
        self._keys: dict[str, str] = {}  # version of an adapter -> peft's name for it
        self._count = 0
        self._on = ""

    def names(self) -> list[str]:
        """Asked of the folder each time: an adapter that was just trained is there at once."""
        return [folder.name for folder in adapters_of(self._base, self._models_dir)]

    def version(self, name: str) -> str:
        """Name and date: one that is trained again is another. Raises ModelUnusable naming a broken file."""
        folder = self._models_dir / name
        check(folder)
        return f"{name}@{(folder / WEIGHTS).stat().st_mtime_ns}"

    def view(self, name: str) -> "View":
        """The model with this adapter; "" is the model without any. Raises ModelUnusable."""
        return View(self, self._attach(name) if name else "")

    def drop(self, view: "View") -> None:
        """Free the memory of an adapter whose successor is there."""
        with self._lock:
            self._keys = {version: key for version, key in self._keys.items() if key != view.key}
            self._switch(next(reversed(self._keys.values())))  # one that is switched on cannot go
            self._peft.delete_adapter(view.key)
            self._switch("")

    @contextmanager
    def on(self, key: str) -> Iterator[Any]:
        with self._lock:
            self._switch(key)
            yield self.model

    def _attach(self, name: str) -> str:
        version = self.version(name)
        with self._lock:
            if version not in self._keys:
                key = f"adapter{self._count}"  # peft's names may hold no dot
                self._read(self._models_dir / name, key)
                self._count += 1
                self._keys[version] = key
            return self._keys[version]

    def _read(self, folder: Path, key: str) -> None:
        try:
            if self._peft is None:
                self._peft = PeftModel.from_pretrained(self.model, folder, adapter_name=key, local_files_only=True)
            else:
                self._peft.load_adapter(folder, adapter_name=key, local_files_only=True)
        except (ValueError, KeyError, RuntimeError, OSError) as error:
            why = next(iter(str(error).splitlines()), type(error).__name__)[:300]
            raise ModelUnusable(
                f"{folder.name} does not fit {self._base.name}: {why}", remedy="Attach it to the base it was made for."
            ) from error
        self._peft.eval()
        self._peft.base_model.disable_adapter_layers()
        self._on = ""

    def _switch(self, key: str) -> None:
        if key == self._on or self._peft is None:
            return
        if key:
            self._peft.base_model.enable_adapter_layers()
            self._peft.base_model.set_adapter(key, inference_mode=True)
        else:
            self._peft.base_model.disable_adapter_layers()
        self._on = key


class View:
    """Called like the model; anything else of it is the model's own."""

    def __init__(self, shelf: Shelf, key: str) -> None:
        self.key = key
        self._shelf = shelf

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        with self._shelf.on(self.key) as model:
            return model(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shelf.model, name)
