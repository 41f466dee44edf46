"""The bundled model, taught on by its owner: by his own questions, as serving shows them to it.

Beside them stand generated ones, over his schema and over others, and questions without an answer: so it forgets
little of what it could. Reads top to bottom; goes on where it stopped.
"""

import contextlib
import logging
import math
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import sqlglot
import torch
from sqlglot.errors import SqlglotError

from pilot.datasource.refusals import fault
from pilot.errors import InputInvalid, PilotError
from pilot.finetune.bundled.clauses import Values
from pilot.finetune.bundled.corpora import Pair
from pilot.finetune.bundled.domain import Domain
from pilot.finetune.bundled.examples import MOST_PIECES, MOST_TOKENS, POOL, Mixture, Targets, batches, numbers
from pilot.finetune.bundled.examples import Example as Read
from pilot.finetune.bundled.from_sql import SqlReader, Unsupported
from pilot.finetune.bundled.phrases import Phrases
from pilot.finetune.bundled.questions import Asker
from pilot.finetune.bundled.schemas import entities, random_schema
from pilot.finetune.bundled.train import Settings, losses_of, optimiser_of, resume, save, save_weights, set_rates
from pilot.finetune.bundled.unanswerable import small_talk
from pilot.finetune.examples import Example, digest, split
from pilot.finetune.recipe import Recipe
from pilot.finetune.run import Run
from pilot.model.devices import computes_bfloat16, pick_device
from pilot.model.text_to_sql.batch import Batch
from pilot.model.text_to_sql.features import Pieces, Reader
from pilot.model.text_to_sql.model import understand
from pilot.model.text_to_sql.network import Network
from pilot.model.text_to_sql.target import Token, Unsayable, Writer
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.weights import load_network, load_tokenizer
from pilot.model.text_to_sql.words import Hits, Word
from pilot.prompts.text_to_sql import parse

logger = logging.getLogger(__name__)

OWN = Recipe(method="full", epochs=15, rate=2e-4, batch=32, accumulate=1, optimizer="adamw_torch", warm_up=0.05)
SHARE = 0.6  # of the owner's questions among those that it learns from
OTHERS = (0.8, 0.0, 0.0, 0.2)  # the rest: generated ones, and those without an answer
ENCODER_SHARE = 0.25  # of the decoder's rate: what reads has less to learn than what speaks
FEWEST = 4
LOOKS = 8  # at the exam's loss, in a whole run
LOWER_CASE = 0.25  # of the questions
GUARDED = 128  # generated questions by which what it could before is measured
GUARD_SEED = 20_231_121
STRANGERS = 40  # of the generated questions, schemas that questions without an answer are asked of


@dataclass(frozen=True)
class Taught:
    """A question with its answer in the target language."""

    words: tuple[Word, ...]
    view: SchemaView
    hits: Hits
    tokens: tuple[Token, ...]
    pair: Pair


@dataclass(frozen=True)
class Lessons(Mixture):
    own: Sequence[Taught] = ()
    share: float = SHARE

    @classmethod
    def of(cls, own: Sequence[Taught], reader: Reader) -> "Lessons":
        return cls.over([taught.pair for taught in own], reader, own=own)

    @classmethod
    def over(
        cls, pairs: Sequence[Pair], reader: Reader, *, own: Sequence[Taught] = (), share: float = SHARE
    ) -> "Lessons":
        known = entities(), Values.read(), Phrases.read(), small_talk()
        return cls(reader, pairs, pairs, *known, weights=OTHERS, own=own, share=share)

    def _some(self, rng: random.Random) -> Iterator[Read]:
        if rng.random() >= self.share:
            yield from super()._some(rng)
            return
        one = rng.choice(self.own)
        words = tuple(map(_lower, one.words)) if rng.random() < LOWER_CASE else one.words
        reading = self._shuffled(words, one.view, one.hits, one.tokens, rng)
        yield Read(reading, *numbers(reading, one.tokens))


def tune(
    base: Path,
    encoder: Path,
    examples: Sequence[Example],
    folder: Path,
    recipe: Recipe = OWN,
    *,
    before_step: Callable[[], None] = lambda: None,
    looked_at: Sequence[Example] = (),
) -> Path:
    """Train, or go on where the same run stopped; gives the folder of the model. `before_step` may wait. The loss of
    what is `looked_at` is logged now and then, and decides nothing.

    Raises InputInvalid for too few questions that the model's language can answer.
    """
    run = Run.begin(folder, objective="sft", base=base.name, recipe=recipe, examples=digest(examples))
    if run.result.exists():
        return run.result
    pieces = Pieces(load_tokenizer(encoder))
    learnt, held = split(examples, recipe.keep_back) if recipe.patience else (examples, [])
    own = _taught(learnt, pieces)
    logger.info("%d of %d examples can be said in the model's language", len(own), len(learnt))
    if len(own) < FEWEST:
        raise fault(InputInvalid, "own_unsayable", count=len(own), examples=len(examples), fewest=FEWEST)
    device = pick_device(recipe.device)
    torch.manual_seed(recipe.seed)
    network = load_network(base, encoder).to(device).train()
    steps = max(1, round(recipe.epochs * len(own) / SHARE / recipe.batch))
    settings = Settings(
        batch=recipe.batch, encoder_rate=recipe.rate * ENCODER_SHARE, decoder_rate=recipe.rate,
        warm_up=max(1, round(recipe.warm_up * steps)), clip=recipe.clip, seed=recipe.seed, device=recipe.device,
    )  # fmt: skip
    optimiser = optimiser_of(network, settings)
    run.checkpoints.mkdir(exist_ok=True)
    done = resume(run.checkpoints, network, optimiser)
    lessons = Lessons.of(own, Reader(pieces, most=MOST_PIECES))
    seen = _batches(_taught(looked_at, pieces), pieces, settings.batch)
    looked = _batches(_taught(held, pieces), pieces, settings.batch)
    if recipe.patience and not looked:
        logger.warning("it cannot stop early: nothing that was kept back can be said in the model's language")
    patience = Patience(run, base, looked, recipe.patience)
    rounds = max(1, round(steps / recipe.epochs))
    began, first = time.monotonic(), done
    run.say("running", step=done, steps=steps)
    while done < steps:
        number = done // (POOL // settings.batch)
        size = min(POOL, (steps - done) * settings.batch)
        pool = lessons.pool(number, settings.seed, size)
        for batch, targets in batches(pool, settings.batch, random.Random(f"{recipe.seed}/{number}")):
            before_step()
            set_rates(optimiser, settings, done, steps)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=computes_bfloat16(device)):
                loss, used, _ = losses_of(network, batch.to(device), targets.to(device))
            optimiser.zero_grad(set_to_none=True)
            (loss + settings.used_weight * used).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
            optimiser.step()
            done += 1
            seconds = time.monotonic() - began
            run.log(step=done, seconds=round(seconds, 1), loss=round(float(loss.detach()), 5))
            if seen and (done % max(1, steps // LOOKS) == 0 or done == steps):
                run.log(step=done, seconds=round(seconds, 1), eval_loss=round(_loss(network, seen), 5))
            left = seconds / (done - first) * (steps - done)
            run.say("running", step=done, steps=steps, seconds_left=round(left))
            if done % rounds == 0 and patience.ended(network, done, seconds):
                steps = done
                break
        save(run.checkpoints, network, optimiser, done)
    return _finish(run, network, base, patience.best)


class Patience:
    """Ends a training in which what was kept back is answered no better, and keeps the weights that did it best."""

    def __init__(self, run: Run, base: Path, held: Sequence[tuple[Batch, Targets]], rounds: int) -> None:
        self._run, self._base, self._held, self._rounds = run, base, held, rounds
        self._losses: dict[int, float] = {
            line["step"]: line["kept_loss"] for line in run.figures() if "kept_loss" in line
        }
        self.best = run.checkpoints / "best"

    def ended(self, network: Network, step: int, seconds: float) -> bool:
        if not self._held:
            return False
        loss = _loss(network, self._held)
        self._run.log(step=step, seconds=round(seconds, 1), kept_loss=round(loss, 5))
        if loss < min((told for at, told in self._losses.items() if at != step), default=math.inf):
            shutil.rmtree(self.best, ignore_errors=True)
            _write(self.best, network, self._base)
        self._losses[step] = loss
        lowest = min(self._losses, key=lambda at: self._losses[at])
        return sum(at > lowest for at in self._losses) >= self._rounds


def _taught(examples: Sequence[Example], pieces: Pieces) -> list[Taught]:
    return [taught for example in examples if (taught := read(example, pieces))]


def _batches(those: Sequence[Taught], pieces: Pieces, size: int) -> list[tuple[Batch, Targets]]:
    """As serving reads them; what is too long for a reading is left out."""
    reader, found = Reader(pieces), []
    for one in those:
        reading = reader.read(one.words, one.view, one.hits)
        with contextlib.suppress(ValueError):  # a table that had no room
            found.append(Read(reading, *numbers(reading, one.tokens)))
    return batches(found, size, random.Random(0))


@torch.inference_mode()
def _loss(network: Network, those: Sequence[tuple[Batch, Targets]]) -> float:
    """Of a token, without dropout."""
    network.eval()
    device = next(network.parameters()).device
    losses = [float(losses_of(network, batch.to(device), targets.to(device))[0]) for batch, targets in those]
    network.train()
    return sum(losses) / len(losses)


def read(example: Example, pieces: Pieces) -> Taught | None:
    """None for what the model's language cannot say."""
    try:
        task = parse(example.prompt)
        asked = understand(task, pieces)
        sql = sqlglot.parse_one(example.answer, read=task.schema.dialect).sql("sqlite")
        query = SqlReader(asked.view).read(sql)
        tokens = tuple(Writer(asked.view, asked.words).tokens(query))
    except (PilotError, SqlglotError, Unsupported, Unsayable) as error:
        logger.debug("left out: %s (%s)", example.prompt[-1].content.rpartition("Question: ")[2], error)
        return None
    if len(tokens) > MOST_TOKENS:
        return None
    pair = Pair("", asked.task.question, query, asked.view, asked.view)
    return Taught(asked.words, asked.view, asked.hits, tokens, pair)


def perplexities(folders: Sequence[Path], encoder: Path) -> list[float]:
    """Of the tokens of generated questions over schemas of all kinds: what a model could do before it was taught on."""
    reader = Reader(Pieces(load_tokenizer(encoder)), most=MOST_PIECES)
    general = Lessons.over(list(_strangers(random.Random(GUARD_SEED))), reader, share=0.0)
    pool = batches(general.pool(0, GUARD_SEED, GUARDED), 32, random.Random(0))
    return [math.exp(_loss(load_network(folder, encoder), pool)) for folder in folders]


def _strangers(rng: random.Random) -> Iterator[Pair]:
    """Questions over schemas that are nobody's."""
    known, values, phrases = entities(), Values.read(), Phrases.read()
    for _ in range(STRANGERS):
        view = random_schema(known, rng)
        if draft := Asker.over(Domain(view), values, phrases, rng).ask():
            yield Pair("", *draft, view, view)


def _lower(word: Word) -> Word:
    return replace(word, text=word.text.lower())


def _finish(run: Run, network: Network, base: Path, best: Path) -> Path:
    """The best of them where some were kept, else the last ones."""
    place = run.finish(lambda folder: best.rename(folder) if best.exists() else _write(folder, network, base))
    run.say("done")
    return place


def _write(folder: Path, network: Network, base: Path) -> None:
    folder.mkdir()
    shutil.copyfile(base / "config.json", folder / "config.json")  # sizes, and when it declines
    save_weights(network, folder / "model.safetensors")
