"""What the data folder keeps of owned models: the runs that make them, what was released, and the night's settings.

own/ID/run.json        how far the run is; the process that works on it writes it, whole or not at all
own/ID/learn.jsonl     what was learnt; exam.jsonl: questions that were kept back; exam.json: how they were answered
own/ID/training/       the folder of the training itself (pilot/finetune/run.py)
own/released.json      releases, the newest last: going back takes the last one off
own/night.json         when to train by itself
own/removed.json       databases that were removed while their questions could not be forgotten yet
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil
from pydantic import TypeAdapter, ValidationError

from pilot.errors import NotFound
from pilot.store.tables import now

T = TypeVar("T")

Phase = Literal["collecting", "training", "examining", "deciding", "releasing"]
State = Literal["running", "paused", "stopped", "failed", "better", "no better", "released", "rolled back"]
Method = Literal["auto", "full", "lora", "qlora", "galore"]
Objective = Literal["sft", "dpo", "orpo"]
Backend = Literal["pilot", "unsloth"]
MOVING: tuple[State, ...] = ("running", "paused")  # while a process works on it
SHARES: dict[Phase, tuple[float, float]] = {  # of the whole time, about
    "collecting": (0.0, 0.05), "training": (0.05, 0.8), "examining": (0.8, 0.98),
    "deciding": (0.98, 0.99), "releasing": (0.99, 1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What an owner asks for. `base` is the model to start from, "" the one that is served; `mask` names personal
    columns as "table.column"; of `epochs` and `memory_gib`, 0 is what is usual and what is free. `patience`: stop after
    so many rounds in which examples kept back are answered no better; 0: never.
    """

    sources: tuple[str, ...]
    base: str = ""
    method: Method = "auto"
    epochs: float = 0
    exam_share: float = 0.33
    mask: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    release: bool = False
    memory_gib: float = 0
    leave_out: tuple[str, ...] = ()  # ids of approved answers that shall not be learnt
    objective: Objective = "sft"  # dpo and orpo learn from corrected answers: right and wrong beside each other
    backend: Backend = "pilot"  # whose code trains
    patience: int = 0


@dataclass(frozen=True)
class Run:
    """`before` and `after` are percent right in the exam; before: of `instead`, which was served then. `model` is what
    requests call it once it was released.
    """

    id: str
    state: State
    phase: Phase
    wish: Wish
    base: str
    method: Method
    began: datetime
    seconds: float = 0
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    loss: float | None = None
    learn: int = 0
    exam: int = 0
    before: float | None = None
    after: float | None = None
    perplexity_before: float | None = None
    perplexity_after: float | None = None
    instead: str = ""
    model: str = ""
    night: bool = False
    message: str = ""
    remedy: str = ""
    key: str = ""  # of the message and its values: the page says it in its reader's language
    values: dict[str, str | int | float | None] = field(default_factory=dict)
    forgot: tuple[str, ...] = ()  # databases that were removed since, their examples with them

    @property
    def moves(self) -> bool:
        return self.state in MOVING

    @property
    def progress(self) -> float:
        """Of all phases, from 0 to 1."""
        if self.state in ("better", "no better", "released", "rolled back"):
            return 1.0
        start, end = SHARES[self.phase]
        return start + (end - start) * (self.step / self.steps if self.steps else 0.0)


@dataclass(frozen=True)
class Point:
    """One line of a run's log."""

    step: int
    seconds: float
    loss: float | None = None
    exam_loss: float | None = None


@dataclass(frozen=True)
class ExamQuestion:
    """`sql` is right; `was` and `now` are what the model said before and after."""

    source: str
    question: str
    sql: str
    was: str
    now: str
    was_right: bool
    now_right: bool


@dataclass(frozen=True)
class Exam:
    """Percent right, and each question."""

    before: float
    after: float
    questions: tuple[ExamQuestion, ...]

    @property
    def gain(self) -> int:
        """Questions more that are right."""
        return len(self.learnt) - len(self.unlearnt)

    @property
    def learnt(self) -> tuple[ExamQuestion, ...]:
        return tuple(each for each in self.questions if each.now_right and not each.was_right)

    @property
    def unlearnt(self) -> tuple[ExamQuestion, ...]:
        return tuple(each for each in self.questions if each.was_right and not each.now_right)


@dataclass(frozen=True)
class SourceMaterial:
    """Questions of one database whose answer was approved, or called wrong; families are questions of one kind."""

    name: str
    approved: int
    wrong: int
    families: int
    corrected: int = 0  # of those approved: by hand
    new: int = 0  # of those approved: since the last run


@dataclass(frozen=True)
class Material:
    """What there is to learn from. `why` is the reason why it is not enough, as
    errors are called in pilot/i18n/*/sources.json.
    """

    sources: tuple[SourceMaterial, ...]
    learn: int
    exam: int
    families: int
    enough: bool
    why: str = ""
    pairs: int = 0  # of those to learn from: corrected answers, a right and a wrong one to the same question


@dataclass(frozen=True)
class Plan:
    """Whether a run would fit, before anything is loaded; `nearest` is what does, where it does not."""

    base: str
    method: Method
    learn: int
    exam: int
    families: int
    needs_bytes: float
    free_bytes: float
    fits: bool
    minutes: float
    said: str
    nearest: str = ""
    parts: tuple[tuple[str, float], ...] = ()  # bytes of weights, adapter, gradients, optimizer, activations, other


@dataclass(frozen=True)
class Release:
    """`model` took the place of `instead`."""

    model: str
    run: str
    instead: str
    at: datetime


@dataclass(frozen=True)
class Night:
    """When to collect, train, examine, release and report without being asked; local times, HH:MM."""

    on: bool = False
    begins: str = "01:00"
    ends: str = "06:00"
    sources: tuple[str, ...] = ()
    fewest: int = 20  # newly approved answers since the last run
    mask: tuple[str, ...] = ()  # as a wish has it
    memory_gib: float = 0
    last: str = ""  # id of the last night's run
    said: str = ""  # why the last night did nothing
    looked: str = ""  # when the night began that was looked at last


@dataclass(frozen=True)
class Overview:
    """`running` is the id of the run under way; `why` says why none is possible here."""

    served: str
    released: Release | None
    can_roll_back: bool
    running: str
    possible: bool
    why: str = ""


@dataclass(frozen=True)
class Process:
    """Whose run it is. A number alone may belong to another process by now."""

    pid: int
    started: float


class Runs:
    """The folder of all runs. Short blocking calls."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "own"

    def place(self, id_: str) -> Path:
        """Raises NotFound for what is no run."""
        place = self.folder / id_
        if Path(id_).name != id_ or id_ == ".." or not (place / "run.json").exists():
            raise NotFound(f"there is no run {id_!r}")
        return place

    def new(self, wish: Wish, *, base: str, instead: str, night: bool = False) -> Run:
        day = f"{datetime.now():%Y-%m-%d}"
        number = 1
        while True:
            id_ = f"{day}-{number}"
            try:
                (self.folder / id_).mkdir(parents=True)
                break
            except FileExistsError:
                number += 1
        run = Run(id_, "running", "collecting", wish, base, wish.method, now(), instead=instead, night=night)
        self.keep(run)
        return run

    def all(self) -> list[Run]:
        """Newest first, of those that can be read: one from another version must not hide the others."""
        found: list[Run] = []
        for file in self.folder.glob("*/run.json"):
            with contextlib.suppress(NotFound):
                found.append(self.run(file.parent.name))
        return sorted(found, key=lambda run: (run.began, run.id), reverse=True)

    def run(self, id_: str) -> Run:
        """As it truly is: one whose process is gone is stopped. Raises NotFound."""
        place = self.place(id_)
        run = read(place / "run.json", Run)
        return replace(run, state="stopped", seconds_left=None) if run.moves and not self.alive(id_) else run

    def keep(self, run: Run) -> Run:
        write(self.folder / run.id / "run.json", run)
        return run

    def delete(self, id_: str) -> None:
        shutil.rmtree(self.place(id_))

    def forget(self, id_: str, source: str) -> None:
        """Delete what was collected from this database: questions, prompts, and how they were answered."""
        place, run = self.place(id_), self.run(id_)
        for name in ("learn", "exam"):
            (place / f"{name}.jsonl").unlink(missing_ok=True)
            (place / f"{name}.questions.json").unlink(missing_ok=True)
        for folder in ("unsloth", "checkpoints"):
            shutil.rmtree(place / "training" / folder, ignore_errors=True)
        with contextlib.suppress(NotFound):
            held = self.exam(id_)
            self.keep_exam(id_, replace(held, questions=tuple(one for one in held.questions if one.source != source)))
        self.keep(replace(run, forgot=(*run.forgot, source)))

    def claim(self, id_: str, pid: int | None = None) -> None:
        """From now on this process (or `pid`) works on the run."""
        process = psutil.Process(pid or os.getpid())
        write(self.folder / id_ / "process.json", Process(process.pid, process.create_time()))

    def process(self, id_: str) -> psutil.Process | None:
        """The process that works on it, if one still does."""
        try:
            told = read(self.folder / id_ / "process.json", Process)
            process = psutil.Process(told.pid)
            same = abs(process.create_time() - told.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except (NotFound, psutil.Error):
            return None
        return process if same else None

    def alive(self, id_: str) -> bool:
        return self.process(id_) is not None

    def exam(self, id_: str) -> Exam:
        """Raises NotFound before it was held."""
        return read(self.place(id_) / "exam.json", Exam)

    def keep_exam(self, id_: str, exam: Exam) -> None:
        write(self.place(id_) / "exam.json", exam)

    def releases(self) -> list[Release]:
        file = self.folder / "released.json"
        return list(read(file, tuple[Release, ...])) if file.exists() else []

    def keep_releases(self, releases: Sequence[Release]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write(self.folder / "released.json", tuple(releases))

    def removed(self) -> list[str]:
        """Databases that runs are still to forget."""
        file = self.folder / "removed.json"
        return list(read(file, tuple[str, ...])) if file.exists() else []

    def keep_removed(self, sources: Sequence[str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write(self.folder / "removed.json", tuple(sources))

    def served_instead_of(self, model: str) -> str:
        """What releases have put in its place."""
        for release in self.releases():
            model = release.model if release.instead == model else model
        return model

    def base_of(self, model: str) -> str:
        """What a served model was made from: itself, unless a run made it. A run starts from there again, with all
        that was approved since, so that faults do not add up.
        """
        made = {release.model: release.run for release in self.releases()}
        try:
            return self.run(made[model]).base if model in made else model.partition(":")[0]
        except NotFound:
            return model.partition(":")[0]

    def night(self) -> Night:
        file = self.folder / "night.json"
        return read(file, Night) if file.exists() else Night()

    def keep_night(self, night: Night) -> Night:
        self.folder.mkdir(parents=True, exist_ok=True)
        write(self.folder / "night.json", night)
        return night


def chance(family: str) -> float:
    """Between 0 and 1. A family below the exam's share is kept back, whatever else there is: so what the next run
    learns was never in an exam.
    """
    return int.from_bytes(hashlib.sha256(family.encode()).digest()[:6]) / 2**48


def read(file: Path, kind: type[T]) -> T:
    """Raises NotFound for a file that is not there, or that another version wrote."""
    try:
        return TypeAdapter(kind).validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise NotFound(f"{file.parent.name}/{file.name} cannot be read") from error


def write(file: Path, told: Any) -> None:
    """Whole, or not at all."""
    unfinished = file.with_suffix(f".{os.getpid()}.saving")
    unfinished.write_bytes(TypeAdapter(type(told)).dump_json(told, indent=2) + b"\n")
    unfinished.replace(file)
