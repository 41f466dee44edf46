"""Bring a model from a hub into models/: `python -m pilot.model.fetch lmsys/vicuna-7b-v1.5`.

The one place in Pilot that downloads, and only when its owner types this command. Before the first byte of weights it
says how large the model is, whether the disk holds it, and what fits the card. A download that broke off goes on where
it stopped; the folder appears under models/ only when it is whole.
"""

import argparse
import fnmatch
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError

from pilot import config
from pilot.errors import Conflict, InputInvalid, ModelUnknown, ModelUnreachable, ModelUnusable, PilotError, StorageFull
from pilot.model.folders import check, gguf_file
from pilot.model.plan import size
from pilot.model.planner import plan_serving
from pilot.model.precisions import BY_NAME
from pilot.model.shapes import shape_of

WEIGHTS = ("*.safetensors", "*.gguf")
BESIDE = (
    "*.json",
    "*.model",
    "*.txt",
    "*.jinja",
    "LICENSE*",
    "README.md",
)  # tokenizer, settings, the publisher's terms
PICKLES = ("*.bin", "*.pt", "*.pth")
SPARE = 1.02  # of the model's size: a little must stay free
SHOWN = ("bf16", "int8", "nf4+dq")


@dataclass(frozen=True)
class Wanted:
    """Files of a repository at one commit; sizes in bytes."""

    repo: str
    commit: str
    files: dict[str, int]

    @property
    def size(self) -> int:
        return sum(self.files.values())


class Hub:
    """A hub as it is asked. `endpoint` None: the one that HF_ENDPOINT names, else huggingface.co."""

    def __init__(self, endpoint: str | None = None) -> None:
        constants.HF_HUB_DISABLE_TELEMETRY = True  # the hub learns which files are wanted, and nothing of this machine
        self._endpoint = endpoint
        self._api = HfApi(endpoint=endpoint)

    def look(self, repo: str, *, revision: str | None = None, pattern: str = "*") -> Wanted:
        """What there is to fetch; `pattern` chooses among weights. Raises ModelUnknown, ModelUnusable."""
        info = self._api.model_info(repo, revision=revision, files_metadata=True)
        sizes = {sibling.rfilename: int(sibling.size or 0) for sibling in info.siblings or ()}
        weights = {name for name in sizes if _fits(name, WEIGHTS) and fnmatch.fnmatch(name, pattern)}
        if any(name.endswith(".safetensors") for name in weights):
            weights = {name for name in weights if name.endswith(".safetensors")}
        if not weights:
            raise _no_weights(repo, sizes, pattern)
        beside = {name for name in sizes if "/" not in name and _fits(name, BESIDE)}
        return Wanted(repo, str(info.sha), {name: sizes[name] for name in sorted(weights | beside)})

    def fetch(self, wanted: Wanted, name: str, folder: Path) -> Path:
        """One file, with a bar of its own; what is there already is not fetched again."""
        return Path(
            hf_hub_download(wanted.repo, name, revision=wanted.commit, local_dir=folder, endpoint=self._endpoint)
        )


def fetch(hub: Hub, wanted: Wanted, target: Path) -> Path:
    """The whole folder, or nothing under this name. Raises Conflict, StorageFull, ModelUnusable."""
    if target.exists():
        raise Conflict(f"{target} is there already", remedy="Give another --name, or take it away first.")
    place = target.parent / f".fetching-{target.name}"
    place.mkdir(parents=True, exist_ok=True)
    _check_disk(place, wanted)
    done = 0
    for number, (name, length) in enumerate(wanted.files.items(), 1):
        _say(f"{number} of {len(wanted.files)}, {done / 1e9:.2f} of {wanted.size / 1e9:.2f} GB: {name}")
        hub.fetch(wanted, name, place)
        done += length
    if gguf_file(place) is None:
        check(place)
    shutil.rmtree(place / ".cache", ignore_errors=True)  # where the hub's client kept what it needs to go on
    place.rename(target)
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        models_dir = config.load().models_dir
        hub = Hub()
        wanted = hub.look(options.repo, revision=options.revision, pattern=options.file)
        target = models_dir / (options.name or options.repo.rsplit("/", 1)[-1])
        _say(f"{options.repo}: {len(wanted.files)} files, {wanted.size / 1e9:.2f} GB, into {target}")
        _tell_what_fits(hub, wanted, target, options.gpu)
        if not options.plan:
            fetch(hub, wanted, target)
            _say(f"{target.name} is there. Serve it on the page's model tab, or with LLM_MODEL={target.name}")
    except (PilotError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        told = error if isinstance(error, PilotError) else _explained(error, options.repo)
        sys.stderr.write(f"error: {told.message}. {told.remedy}\n")
        return 1
    return 0


def _tell_what_fits(hub: Hub, wanted: Wanted, target: Path, card: str) -> None:
    """By the model's own settings, which are small: fetched first. Of a LoRA adapter or a GGUF file there are none."""
    if "config.json" not in wanted.files:
        return
    place = target.parent / f".fetching-{target.name}"
    try:
        shape = shape_of(json.loads(hub.fetch(wanted, "config.json", place).read_text(encoding="utf-8")))
    except ModelUnusable as error:
        _say(error.message)
        return
    for plan in (plan_serving(shape, BY_NAME[name], size(card)) for name in SHOWN):
        verdict = f"a context of up to {plan.longest:,} tokens" if plan.longest else "does not fit"
        _say(f"on a card of {card}, {plan.precision.name:<7} {plan.weights / 1e9:>7.1f} GB of weights: {verdict}")


def _check_disk(place: Path, wanted: Wanted) -> None:
    here = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    free, need = shutil.disk_usage(place).free, wanted.size * SPARE - here
    if need > free:
        raise StorageFull(
            f"{wanted.repo} needs {need / 1e9:.1f} GB more on disk, and {free / 1e9:.1f} GB are free",
            remedy="Make room, or set MODELS_DIR to a larger disk.",
        )


def _no_weights(repo: str, sizes: dict[str, int], pattern: str) -> PilotError:
    named = ", ".join(sorted(name for name in sizes if _fits(name, WEIGHTS)))
    if not named and any(_fits(name, PICKLES) for name in sizes):
        return ModelUnusable(
            f"{repo} holds pickles alone, which can run code when they are opened",
            remedy="Look for a safetensors version of it; models/README.md says how to convert one yourself.",
        )
    return InputInvalid(f"{repo} holds no weights that fit {pattern!r}", remedy=f"Its weights: {named or 'none'}.")


def _explained(error: Exception, repo: str) -> PilotError:
    if isinstance(error, GatedRepoError):
        return ModelUnusable(
            f"{repo} is given only to those who agreed to its terms", remedy="Agree on its page, then: hf auth login."
        )
    if isinstance(error, RepositoryNotFoundError):
        return ModelUnknown(f"the hub has no model {repo!r}", remedy="Write it as on its page: publisher/model.")
    if isinstance(error, OfflineModeIsEnabled):
        return ModelUnreachable("HF_HUB_OFFLINE forbids to ask the hub", remedy="Unset it for this command.")
    why = next(iter(str(error).splitlines()), type(error).__name__)[:300]
    return ModelUnreachable(
        f"the hub cannot be read: {why}", remedy="Run the same command again: it goes on from here."
    )


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pilot.model.fetch", description="Bring a model into models/.")
    parser.add_argument("repo", help="publisher/model, as the hub calls it")
    parser.add_argument("--name", default="", help="folder under models/; else the model's own name")
    parser.add_argument("--revision", help="branch, tag or commit; else the newest")
    parser.add_argument("--file", default="*", help="which weights, where there are several: '*Q4_K_M.gguf'")
    parser.add_argument("--gpu", default="24GiB", help="card to plan for")
    parser.add_argument("--plan", action="store_true", help="only say what would be fetched and what fits")
    return parser


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
