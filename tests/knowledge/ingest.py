"""Ingest every file of a folder, to be killed at it: `python -m tests.knowledge.ingest DATA_DIR FILES`."""

import asyncio
import sys
from pathlib import Path

from pilot.knowledge.library import Library
from tests.knowledge.hashing import HashingEmbedder


async def main(data_dir: Path, files: Path) -> None:
    library = Library(data_dir, HashingEmbedder(), chunk_size=200)
    await library.start()
    if not await library.spaces():
        await library.create_space("files")
    for file in sorted(files.iterdir()):
        record = await library.add("files", file.name, file.read_bytes())
        sys.stdout.write(f"{record.id}\n")
        sys.stdout.flush()
    while any(record.state not in ("ready", "failed") for record in await library.documents("files")):
        await asyncio.sleep(0.02)
    await library.close()
    sys.stdout.write("done\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
