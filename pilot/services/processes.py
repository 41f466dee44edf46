"""The processes that plan and train: `python -m pilot.finetune`. Neither page nor model server stands still for them or
holds what training needs; what a run says stands in its folder (pilot/store/runs.py).
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime

from pydantic import TypeAdapter

from pilot.config import ROOT
from pilot.datasource.refusals import fault
from pilot.errors import PilotError, TrainingRefused, all_errors
from pilot.store.runs import Plan, Runs, Wish

PYTHON = (sys.executable, "-m", "pilot.finetune")
PLAN_SECONDS = 120.0  # importing the libraries takes most of it
STOP_SECONDS = 15.0


class Processes:
    """All of it blocks. Runs go on when this process ends."""

    def __init__(self, runs: Runs, environment: Mapping[str, str]) -> None:
        self._runs = runs
        self._environment = environment
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def plan(self, wish: Wish, examples: int) -> Plan:
        """Raises what the process says, with its remedy."""
        command = [*PYTHON, "plan", "--base", wish.base, "--method", wish.method, "--epochs", str(wish.epochs),
                   "--count", str(examples), "--memory-gib", str(wish.memory_gib), "--objective", wish.objective,
                   "--backend", wish.backend, "--patience", str(wish.patience)]  # fmt: skip
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False,
                timeout=PLAN_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise fault(TrainingRefused, "own_no_plan", why=f"{PLAN_SECONDS:.0f} s") from error
        lines = done.stdout.splitlines()
        told = json.loads(lines[-1]) if lines else {}
        if "error" in told:
            kind = all_errors().get(told["error"]["code"], PilotError)
            raise kind(told["error"]["message"], remedy=told["error"]["remedy"], **told.get("details", {}))
        if not told:
            raise fault(TrainingRefused, "own_no_plan", why=done.stderr[-300:])
        return TypeAdapter(Plan).validate_python(told)

    def launch(self, id_: str, until: datetime | None) -> None:
        command = [*PYTHON, "run", "--id", id_, *(["--until", until.isoformat()] if until else [])]
        with (self._runs.place(id_) / "log.txt").open("ab") as log:
            child = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        self._children[id_] = child
        self._runs.claim(id_, child.pid)

    def end(self, id_: str) -> None:
        """Its process, kindly at first."""
        process = self._runs.process(id_)
        if process is not None:
            process.terminate()
        until = time.monotonic() + STOP_SECONDS
        while (process := self._runs.process(id_)) and time.monotonic() < until:
            time.sleep(0.1)
        if process is not None:
            process.kill()
        if child := self._children.pop(id_, None):
            child.wait()

    def reap(self) -> None:
        """Children that have ended would stay as zombies."""
        for id_, child in list(self._children.items()):  # a thread may be launching another
            if child.poll() is not None:
                self._children.pop(id_, None)
