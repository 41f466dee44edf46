"""Work on a stranger's file in a process of its own: limits on memory and time, no secret, no right to write."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import pilot
from pilot.knowledge.readers.problems import unreadable

logger = logging.getLogger(__name__)

KILLED_FOR_TIME = -24  # SIGXCPU


@dataclass(frozen=True)
class Said:
    output: bytes
    status: int | None

    @property
    def out_of_time(self) -> bool:
        """Whether the processor time was used up."""
        return self.status == KILLED_FOR_TIME


async def run(module: str, arguments: Sequence[str], *, seconds: float, given: bytes = b"") -> Said:
    """What `python -m module` with these arguments says to `given`; the module sets its own limits (`readers.child`).

    Raises DocumentUnreadable after so many seconds. Nothing that it has started outlives the call.
    """
    root = Path(pilot.__file__).resolve().parent.parent
    # an environment of its own: the child needs no secret of ours. -P: no module beside the working folder
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", module, *arguments, start_new_session=True,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(root), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            output, complaint = await child.communicate(given)
    except TimeoutError:
        raise unreadable("out_of_time", limit=ceil(seconds)) from None
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.killpg(child.pid, signal.SIGKILL)  # with what it has started
            await child.wait()
    if complaint:
        logger.info("%s: %s", module, complaint.decode(errors="replace").strip()[-500:])
    return Said(output, child.returncode)
