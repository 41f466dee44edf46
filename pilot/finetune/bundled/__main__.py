"""`python -m pilot.finetune.bundled train|package|rank|variants|thesaurus|calibrate|evaluate`; see the package."""

import argparse
import logging
import sys
from dataclasses import fields
from pathlib import Path

from pilot.config import BUNDLED_MODEL, ROOT
from pilot.finetune.bundled.calibrate import calibrate
from pilot.finetune.bundled.evaluate import evaluate, report
from pilot.finetune.bundled.package import package
from pilot.finetune.bundled.ranking import rank
from pilot.finetune.bundled.thesaurus import write as write_thesaurus
from pilot.finetune.bundled.train import Settings, train
from pilot.finetune.bundled.variants import write
from pilot.model.devices import pick_device
from pilot.model.embeddings import find_encoder
from pilot.model.text_to_sql.model import TextToSqlModel

ENCODER = "all-MiniLM-L6-v2"


def main(arguments: list[str]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    given = _parser().parse_args(arguments)
    encoder = find_encoder(ENCODER, ROOT / "models")
    match given.command:
        case "train":
            settings = Settings(**{field.name: getattr(given, field.name) for field in fields(Settings)})
            train(given.data, encoder, given.run, settings, start=given.start)
        case "package":
            package(given.run, given.model)
        case "variants":
            write(given.data, given.out)
        case "rank":
            print(rank(given.data, encoder, given.model, questions=given.questions))
        case "thesaurus":
            print(write_thesaurus(given.wordnet, encoder, ROOT / "pilot" / "synonyms.txt"))
        case "calibrate":
            print(calibrate(given.sets, encoder, given.model))
        case "evaluate":
            model = TextToSqlModel.load(given.model, encoder, pick_device(given.device))
            print(report(list(evaluate(given.questions, given.databases, model))))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pilot.finetune.bundled")
    commands = parser.add_subparsers(dest="command", required=True)
    folder = ROOT / "models" / BUNDLED_MODEL
    training = commands.add_parser("train", help="train, or go on where a run stopped")
    training.add_argument("--data", type=Path, required=True, help="folder of public questions")
    training.add_argument("--run", type=Path, required=True, help="folder for this run")
    training.add_argument("--start", type=Path, help=f"model folder to start from, such as {folder.relative_to(ROOT)}")
    for field in fields(Settings):
        training.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    packing = commands.add_parser("package", help="write a finished run as a model folder")
    packing.add_argument("--run", type=Path, required=True)
    packing.add_argument("--model", type=Path, default=folder)
    varying = commands.add_parser("variants", help="write sets of questions to measure with")
    varying.add_argument("--data", type=Path, required=True, help="folder of public questions")
    varying.add_argument("--out", type=Path, required=True)
    ranking = commands.add_parser("rank", help="learn which of several candidates to believe")
    ranking.add_argument("--data", type=Path, required=True, help="folder of public questions")
    ranking.add_argument("--questions", type=int, default=800)
    ranking.add_argument("--model", type=Path, default=folder)
    listing = commands.add_parser("thesaurus", help="write the list of synonyms that questions are read with")
    listing.add_argument("--wordnet", type=Path, required=True, help="folder of WordNet 3.0: /usr/share/wordnet")
    calibrating = commands.add_parser("calibrate", help="choose when to decline")
    calibrating.add_argument("--sets", type=Path, required=True, help="what `variants` wrote")
    calibrating.add_argument("--model", type=Path, default=folder)
    measuring = commands.add_parser("evaluate", help="measure on one set of questions")
    measuring.add_argument("--questions", type=Path, required=True, help='lines {"db_id", "question", "sql"?}')
    measuring.add_argument("--databases", type=Path, required=True, help="folder of <db_id>.sqlite")
    measuring.add_argument("--model", type=Path, default=folder)
    measuring.add_argument("--device", default="auto")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
