"""Which models lie under models/, of which family each is, and whether its files are whole. Needs no torch."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pilot.errors import ConfigInvalid, ModelUnknown, ModelUnusable
from pilot.model.families import FAMILIES, OWN_TEMPLATE, Family, by_folder, by_name

MAX_HEADER_BYTES = 100_000_000  # the safetensors format's own limit
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True)
class Found:
    """A model that can be loaded. `folder` is None for a family that needs no weights and has no folder; `adapter`
    is the LoRA adapter in `base:adapter`, which goes on the base in `folder`.
    """

    name: str
    folder: Path | None
    family: Family
    adapter: str = ""


def find(name: str, models_dir: Path, *, family: str = "") -> Found:
    """Raises ModelUnknown (which lists the known models), ModelUnusable (which names the file), ConfigInvalid."""
    base, _, adapter = name.partition(":")
    folder = _folders(models_dir).get(base)
    if folder is not None and not adapter and (file := gguf_file(folder)):
        return Found(name, folder, replace(_gguf_family(folder, file, family), adapter="gguf"))
    if adapter and folder is not None:
        return Found(name, folder, _with_adapter(folder, adapter, models_dir, family), adapter)
    if folder is None or adapter:
        row = by_name(name)
        if row is None or row.weights:
            raise _unknown(name, models_dir)
        return Found(name, None, row)
    row = _family(folder, family, _base_folder(folder, models_dir))
    if row.weights:
        check(folder)
    return Found(name, folder, row)


def known(models_dir: Path) -> list[str]:
    """Every value of LLM_MODEL that works or should: folders, and families that need none."""
    return sorted(_folders(models_dir).keys() | {row.name for row in FAMILIES if not row.weights})


def check(folder: Path) -> None:
    """Raises ModelUnusable naming the first file that is missing, cut or in a format that Pilot does not open."""
    adapter = (folder / "adapter_config.json").exists()
    read_json(folder / ("adapter_config.json" if adapter else "config.json"))
    files = list(shards(folder))
    if not files:
        raise _no_weights(folder)
    for shard in files:
        _check_whole(shard)


def base_of(folder: Path, models_dir: Path) -> Path | None:
    """The folder of the base that a LoRA adapter was trained on; None when `folder` is a whole model."""
    if not (folder / "adapter_config.json").exists():
        return None
    base = _base_folder(folder, models_dir)
    if base is None:
        name = _base_name(folder)
        raise ModelUnusable(
            f"{folder.name} is a LoRA adapter whose base model {name!r} is not in {models_dir}",
            remedy=f"Put the base model into {models_dir / (name or 'its folder')}.",
        )
    check(base)
    return base


def adapters_of(base: Path, models_dir: Path) -> list[Path]:
    """LoRA adapters that were trained on the model in `base`, by their own word."""
    return sorted(folder for folder in _folders(models_dir).values() if _base_name(folder) == base.name)


def read_json(file: Path) -> dict[str, Any]:
    """Raises ModelUnusable when the file is missing, empty or holds no JSON object."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _unusable(file, "is missing") from None
    except (OSError, ValueError) as error:
        raise _unusable(file, f"cannot be read ({error})") from None
    if not isinstance(found, dict):
        raise _unusable(file, "holds no settings")
    return found


def _folders(models_dir: Path) -> dict[str, Path]:
    if not models_dir.is_dir():
        return {}
    return {path.name: path for path in models_dir.iterdir() if path.is_dir() and not path.name.startswith(".")}


def _base_name(folder: Path) -> str:
    """`huggyllama/llama-7b` and `/old/place/llama-7b` are models/llama-7b; empty for a folder that is no adapter."""
    try:
        settings = read_json(folder / "adapter_config.json")
    except ModelUnusable:
        return ""
    return str(settings.get("base_model_name_or_path") or "").rstrip("/").rsplit("/", 1)[-1]


def _base_folder(folder: Path, models_dir: Path) -> Path | None:
    return _folders(models_dir).get(_base_name(folder))


def gguf_file(folder: Path) -> Path | None:
    """The weights of a folder in llama.cpp's format; of several parts, the first. None for every other folder."""
    files = sorted(folder.glob("*.gguf"))
    return files[0] if files and not any(folder.glob("*.safetensors")) else None


def _gguf_family(folder: Path, file: Path, wanted: str) -> Family:
    """Raises ModelUnusable for a file that is none. Its own metadata hold the template, where no row does."""
    if find_spec("llama_cpp") is None:
        raise ModelUnusable(
            f"{folder.name} is a GGUF model, which llama-cpp-python runs, and that is not installed",
            remedy="Install it with: .venv/bin/pip install llama-cpp-python",
            model=folder.name,
        )
    with file.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise _unusable(file, "is no GGUF file")
    return _family(folder, wanted) if wanted else by_folder(folder.name) or OWN_TEMPLATE


def _with_adapter(base: Path, adapter: str, models_dir: Path, family: str) -> Family:
    """The family of `base:adapter`: the adapter was taught how to chat, so its name goes first."""
    check(base)
    names = [folder.name for folder in adapters_of(base, models_dir)]
    if adapter not in names:
        raise ModelUnknown(
            f"no adapter {adapter!r} of {base.name} in {models_dir}",
            remedy=f"Known: {', '.join(names) or 'none'}.",
            name=adapter,
            known=", ".join(names),
        )
    check(models_dir / adapter)
    return _family(base, family) if family else by_folder(adapter) or _family(base, "")


def _family(folder: Path, wanted: str, base: Path | None = None) -> Family:
    """An adapter whose name and tokenizer tell nothing is written to as its base is."""
    if wanted:
        row = by_name(wanted)
        if row is None:
            raise ConfigInvalid(f"unknown LLM_FAMILY {wanted!r}", remedy=f"Known families: {_family_names()}.")
        return row
    row = by_folder(folder.name)
    if row is None and _has_chat_template(folder):
        row = OWN_TEMPLATE
    if row is None and base is not None:
        return _family(base, "")
    if row is None:
        raise ModelUnusable(
            f"cannot tell which prompts {folder.name!r} was trained on: its name begins with no family's and its "
            "tokenizer brings no chat template",
            remedy=f"Set LLM_FAMILY to one of: {_family_names()}.",
        )
    return row


def _has_chat_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").exists():
        return True
    settings = folder / "tokenizer_config.json"
    return settings.exists() and bool(read_json(settings).get("chat_template"))


def _family_names() -> str:
    return ", ".join(row.name for row in FAMILIES)


def shards(folder: Path) -> Iterator[Path]:
    """The files that hold a folder's weights: those that its index names, else all there are."""
    for index in folder.glob("*.safetensors.index.json"):
        weights = read_json(index).get("weight_map")
        if not isinstance(weights, dict) or not weights:
            raise _unusable(index, "names no weights")
        for name in sorted(set(weights.values())):
            yield folder / Path(str(name)).name
        return
    yield from sorted(folder.glob("*.safetensors"))


def _check_whole(file: Path) -> None:
    """A safetensors file is 8 bytes of header length, the header, and the tensors that the header lays out."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if size < 8 or length > min(size, MAX_HEADER_BYTES):
                raise _unusable(file, "is no whole safetensors file")
            header = json.loads(stream.read(length))
        end = max((entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"), default=0)
    except FileNotFoundError:
        raise _unusable(file, "is missing") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(file, f"is no whole safetensors file ({error})") from None
    if size != 8 + length + end:
        raise _unusable(file, f"has {size:,} bytes instead of {8 + length + end:,}")


def _unusable(file: Path, what: str) -> ModelUnusable:
    return ModelUnusable(
        f"{file.parent.name}/{file.name} {what}",
        remedy="Copy the model folder again, whole.",
        model=file.parent.name,
        file=file.name,
    )


def _no_weights(folder: Path) -> ModelUnusable:
    pickled = next((file.name for pattern in PICKLES for file in folder.glob(pattern)), None)
    if pickled:
        return ModelUnusable(
            f"{folder.name}/{pickled} is a pickle, which can run code when it is opened",
            remedy="Get the model's safetensors files instead; models/README.md says how.",
            model=folder.name,
            file=pickled,
        )
    return _unusable(folder / "model.safetensors", "is missing")


def _unknown(name: str, models_dir: Path) -> ModelUnknown:
    names = ", ".join(known(models_dir))
    return ModelUnknown(
        f"no model {name!r} in {models_dir}",
        remedy=f"Set LLM_MODEL to one of: {names}; models/README.md says how to add one.",
        name=name,
        known=names,
    )
