"""What there is to learn from, counted before anything is run: approved answers, corrected ones, kinds of questions."""

from collections.abc import Sequence

from pilot.chat.families import family
from pilot.datasource.refusals import fault
from pilot.errors import InputInvalid, TrainingRefused
from pilot.schema import Dialect
from pilot.store import Approved, Judged
from pilot.store.runs import Material, Run, SourceMaterial, Wish, chance

FEWEST, FEWEST_FAMILIES = 10, 4  # approved answers, and questions of different kinds among them
FEWEST_PAIRS = 4  # corrected answers to learn from


def of_source(
    name: str,
    approved: Sequence[Approved],
    judged: Sequence[Judged],
    *,
    dialect: Dialect,
    last: Run | None,
    exam_share: float,
) -> Material:
    """Of one database; `last` is the newest run that learnt from it."""
    wrong = {each.turn.id: each.sql for each in judged if each.target == name and each.turn.verdict == "wrong"}
    families = {each.id: family(each.sql, dialect) for each in approved}
    learn = [each for each in approved if chance(f"{name}: {families[each.id]}") >= exam_share]
    source = SourceMaterial(
        name, len(approved), len(wrong), len(set(families.values())),
        corrected=sum(bool(wrong.get(each.id)) for each in approved),
        new=sum(last is None or each.created_at > last.began for each in approved),
    )  # fmt: skip
    return _counted((source,), len(learn), sum(bool(wrong.get(each.id)) for each in learn))


def together(found: Sequence[Material]) -> Material:
    """Of several databases."""
    sources = tuple(source for each in found for source in each.sources)
    return _counted(sources, sum(each.learn for each in found), sum(each.pairs for each in found))


def too_few_pairs(count: int, fewest: int = FEWEST_PAIRS) -> InputInvalid | None:
    """Why nothing can be learnt from right and wrong answers beside each other."""
    return fault(InputInvalid, "own_few_pairs", count=count, fewest=fewest) if count < fewest else None


def refuse_pairs(wish: Wish, material: Material) -> None:
    """Raises TrainingRefused for what does not learn right from wrong, InputInvalid where hardly any was corrected."""
    if wish.method in ("full", "galore"):
        raise fault(TrainingRefused, "own_pairs_method", method=wish.method)
    if few := too_few_pairs(material.pairs, FEWEST_PAIRS + bool(wish.patience)):  # one at least is kept back
        raise few


def _counted(sources: tuple[SourceMaterial, ...], learn: int, pairs: int) -> Material:
    approved, families = sum(each.approved for each in sources), sum(each.families for each in sources)
    enough = approved >= FEWEST and families >= FEWEST_FAMILIES
    return Material(sources, learn, approved - learn, families, enough, "" if enough else "own_few", pairs)
