"""How a model of one's own comes about, as HTML: examples, plan, training, exam, service. Pure, like `panels`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from pilot.datasource.refusals import retold
from pilot.i18n import Texts
from pilot.store.runs import Exam, ExamQuestion, Material, Night, Phase, Plan, Release, Run, SourceMaterial, Wish
from pilot.web import words
from pilot.web.panels import size
from pilot.web.render import block

Step = Literal["data", "method", "plan", "train", "exam", "release"]
STEPS: tuple[Step, ...] = ("data", "method", "plan", "train", "exam", "release")
PHASES: tuple[Phase, ...] = ("collecting", "training", "examining", "deciding")
LISTED = 200  # questions of an exam in one list
MINUTE, HOUR = 60, 3600
plain = words.plain


def steps(now: Step, t: Texts) -> str:
    """Where one is; what is behind has a tick."""
    at = STEPS.index(now)
    marks = ["done" if number < at else "now" if number == at else "" for number in range(len(STEPS))]
    items = "".join(f'<li class="{mark}">{t(f"own.step.{step}")}</li>' for step, mark in zip(STEPS, marks, strict=True))
    return block(f'<ol class="steps" aria-label="{t("own.steps")}">{items}</ol>')


def step_of(run: Run) -> Step:
    if run.state == "released":
        return "release"
    return "train" if run.after is None and run.phase in ("collecting", "training") else "exam"


def source(each: SourceMaterial, t: Texts) -> str:
    """One line of the choice of databases."""
    parts = [t("own.data.source", name=each.name, approved=each.approved)]
    if each.corrected:
        parts.append(t("own.data.corrected", count=each.corrected))
    if each.wrong > each.corrected:
        parts.append(t("own.data.wrong", count=each.wrong - each.corrected))
    if 0 < each.new < each.approved:
        parts.append(t("own.data.fresh", count=each.new))
    return " · ".join(parts)


def material(found: Material, t: Texts) -> str:
    """How the questions are shared out, or why they are too few."""
    if not found.sources:
        return block(f'<p class="empty">{t("own.data.none")}</p>')
    total = found.learn + found.exam
    split = t("own.data.split", total=total, learn=found.learn, exam=found.exam)
    if not found.enough:
        return block(f'<p class="notice">{t("own.data.more_needed")}</p>')
    share = round(100 * found.learn / max(total, 1))
    bar = f'<div class="split" aria-hidden="true"><i style="width:{share}%"></i></div>'
    return block(bar, f"<p>{split} {t('own.data.families')}</p>", kind="material")


def plan(found: Plan, wish: Wish, t: Texts) -> str:
    more = [t(f"own.objective.{wish.objective}")] if wish.objective != "sft" else []
    more += [t("own.backend.unsloth")] if wish.backend == "unsloth" else []
    facts = {
        "base": plain(found.base),
        "method": plain(" · ".join((t(f"own.method.{found.method}"), *more))),
        "learn": t("own.plan.questions", count=found.learn),
        "exam": t("own.plan.questions", count=found.exam),
        "time": t("own.plan.about", time=duration(MINUTE * found.minutes, t)) if found.minutes
        else t("own.plan.unknown"),
        "memory": t("own.plan.needs", needs=size(found.needs_bytes), free=size(found.free_bytes)),
    }  # fmt: skip
    lines = "".join(f"<dt>{t(f'own.plan.{key}')}</dt><dd>{value}</dd>" for key, value in facts.items())
    return block(f"<dl>{lines}</dl>", _room(found, t), _verdict_of(found, t), kind="plan")


def _room(found: Plan, t: Texts) -> str:
    """The memory it needs by parts, beside what is free."""
    whole = max(found.needs_bytes, found.free_bytes, 1.0)
    parts = [(name, share) for name, share in found.parts if share > 0] or [("weights", found.needs_bytes)]
    bars = "".join(f'<i class="{plain(name)}" style="width:{100 * share / whole:.1f}%"></i>' for name, share in parts)
    free = f'<b style="left:{100 * found.free_bytes / whole:.1f}%"></b>'
    legend = "".join(
        f'<span class="{plain(name)}">{t(f"own.plan.part.{name}")} {size(share)}</span>' for name, share in found.parts
    )
    return f'<div class="room" aria-hidden="true">{bars}{free}</div><p class="legend">{legend}</p>'


def _verdict_of(found: Plan, t: Texts) -> str:
    if found.fits:
        return f'<p class="fact">{t("own.plan.kept")}</p>'
    large = t("own.plan.large", needs=size(found.needs_bytes), free=size(found.free_bytes))
    mend = t("own.plan.nearest", nearest=found.nearest) if found.nearest else t("own.plan.none")
    return f'<div class="failure" role="alert"><p>{large}</p><p class="remedy">{plain(mend)}</p></div>'


def unable(left: Sequence[tuple[str, Sequence[str]]], t: Texts) -> str:
    """What cannot run for this model: each reason, and what it shuts out."""
    shown = [f'<p class="fact">{plain(why)}</p>{_shut_out(names)}' for why, names in left if names]
    return block(f'<p class="cap">{t("own.method.not")}</p>', *shown) if shown else ""


def _shut_out(names: Sequence[str]) -> str:
    return '<ul class="unable">{}</ul>'.format("".join(f"<li>{plain(name)}</li>" for name in names))


def run(told: Run, t: Texts) -> str:
    """What it is at, how far, and how long it will take."""
    state = told.state.replace(" ", "_")
    title = f'<p class="state {state}">{plain(t(f"own.run.{state}", name=told.base))}</p>'
    if not told.moves:
        message, remedy = _why(told, t)
        why = f'<p class="why">{plain(message[:1].upper() + message[1:])}</p>' if message else ""
        mend = f'<p class="remedy">{plain(remedy)}</p>' if remedy else ""
        gone = "".join(f'<p class="notice">{plain(t("own.run.forgot", source=name))}</p>' for name in told.forgot)
        return block(title, why, mend, gone, f'<p class="fact">{_facts(told, t)}</p>', kind=f"run {state}")
    bar = f'<progress max="1" value="{told.progress:.3f}" aria-label="{t("own.step.train")}"></progress>'
    return block(
        title, bar, f'<p class="fact" role="status">{_facts(told, t)}</p>', _phases(told.phase, t), kind=f"run {state}"
    )


def _why(told: Run, t: Texts) -> tuple[str, str]:
    """What was wrong, and what mends it."""
    if told.state == "no better" and told.before is not None and told.after is not None:
        if told.after > told.before:
            return t("own.why.forgot"), t("own.why.forgot.remedy")
        grades = {"before": f"{told.before:.0f} %", "after": f"{told.after:.0f} %"}
        return t("own.why.no_gain", **grades), t("own.why.no_gain.remedy")
    if told.state not in ("failed", "no better"):
        return "", ""
    return retold(told.key, told.values, t) if t.has(told.key) else (told.message, told.remedy)


def _facts(told: Run, t: Texts) -> str:
    facts: list[str] = []
    if told.moves and told.steps:
        facts.append(t("own.run.step", step=told.step, steps=told.steps))
    if told.moves and told.loss is not None and told.phase == "training":
        facts.append(t("own.run.loss", loss=f"{told.loss:.3f}"))
    if told.moves and told.seconds_left is not None:
        facts.append(f"<b>{t('own.run.left', time=duration(told.seconds_left, t))}</b>")
    if told.seconds:
        facts.append(t("own.run.took" if told.moves else "own.run.took_all", time=duration(told.seconds, t)))
    facts.append(plain(", ".join(told.wish.sources)))
    if told.learn:
        facts.append(t("own.run.questions", learn=told.learn, exam=told.exam))
    if told.night:
        facts.append(t("own.run.night"))
    return " <i>·</i> ".join(facts)


def _phases(now: Phase, t: Texts) -> str:
    at = PHASES.index(now) if now in PHASES else len(PHASES)
    marks = ["done" if number < at else "now" if number == at else "" for number in range(len(PHASES))]
    return '<ul class="phases">{}</ul>'.format(
        "".join(f'<li class="{mark}">{t(f"own.phase.{phase}")}</li>' for phase, mark in zip(PHASES, marks, strict=True))
    )


def picture(told: Run, t: Texts) -> str:
    """The curve as a file, from the door of the API."""
    door = f"/api/v1/own/runs/{quote(told.id, safe='')}/plot"
    return block(f'<a class="download" href="{door}" download="{plain(told.id)}.svg">{t("own.curve.save")}</a>')


def grades(held: Exam, told: Run, t: Texts) -> str:
    """Before and after, large; and what it could do besides."""
    points = held.after - held.before
    said = "gain" if points > 0 else "loss" if points < 0 else "same"
    figures = "".join(
        f'<div class="grade {name}"><p class="share">{value:.0f}&thinsp;%</p>'
        f'<p class="fact">{t(f"own.exam.{name}")}</p>'
        f'<div class="split"><i style="width:{value:.0f}%"></i></div></div>'
        for name, value in (("before", held.before), ("after", held.after))
    )
    guard = ""
    if told.perplexity_before is not None and told.perplexity_after is not None:
        both = {"before": f"{told.perplexity_before:.2f}", "after": f"{told.perplexity_after:.2f}"}
        guard = f'<p class="fact">{t("own.exam.guard", **both)}</p>'
    title = f'<p class="cap">{t("own.exam", count=len(held.questions))}</p>'
    gain = f'<p class="gain {said}">{t(f"own.exam.{said}", points=f"{abs(points):.0f}")}</p>'
    return block(title, f'<div class="grades">{figures}</div>', gain, guard, kind="exam")


def answers(held: Exam, t: Texts) -> str:
    """What it learnt and what it lost, question by question."""
    kept = tuple(each for each in held.questions if each.was_right and each.now_right)
    missed = tuple(each for each in held.questions if not each.was_right and not each.now_right)
    return block(
        _list("learnt", held.learnt, t, opened=True), _list("unlearnt", held.unlearnt, t, opened=True),
        _list("missed", missed, t), _list("kept", kept, t), kind="answers",
    )  # fmt: skip


def _list(kind: str, questions: Sequence[ExamQuestion], t: Texts, *, opened: bool = False) -> str:
    if not questions:
        return ""
    items = "".join(_question(each, t) for each in questions[:LISTED])
    title = f"{t(f'own.exam.{kind}')} <i>{len(questions)}</i>"
    return f'<details class="{kind}"{" open" if opened else ""}><summary>{title}</summary>{items}</details>'


def _question(each: ExamQuestion, t: Texts) -> str:
    said = {"right": each.sql, "was": each.was, "now": each.now}
    lines = "".join(
        f"<dt>{t(f'own.exam.{name}')}</dt>"
        f"<dd>{f'<pre><code>{words.sql(sql)}</code></pre>' if sql else t('own.exam.nothing')}</dd>"
        for name, sql in said.items()
    )
    return f"<details><summary>{plain(each.question)}</summary><dl>{lines}</dl></details>"


def released(release: Release | None, run: Run | None, t: Texts) -> str:
    """On the card of the served model: where it came from."""
    if release is None or run is None:
        return ""
    since = t("own.served.since", learn=run.learn, day=day(release.at))
    exam = ""
    if run.before is not None and run.after is not None:
        exam = t("own.served.exam", before=f"{run.before:.0f} %", after=f"{run.after:.0f} %")
    return f'<p class="learnt">{plain(f"{since} {exam}".strip())}</p>'


def title(told: Run, t: Texts) -> str:
    """One line of the list of trainings."""
    state = told.state.replace(" ", "_")
    parts = [f"{day(told.began)} {clock(told.began)}", ", ".join(told.wish.sources)]
    if told.before is not None and told.after is not None:
        parts.append(f"{told.before:.0f} % → {told.after:.0f} %")
    parts.append(t(f"own.run.{state}", name=told.base).rstrip(".。"))
    return " · ".join(parts)


def night(settings: Night, last: Run | None, t: Texts) -> str:
    """The report of the last night."""
    if last is not None:
        said = title(last, t)
    elif settings.said:
        said = reason(settings.said, t)
    else:
        return block(f'<p class="empty">{t("own.night.none")}</p>') if settings.on else ""
    return block(f'<p class="notice">{plain(t("own.night.last", said=said))}</p>')


def reason(said: str, t: Texts) -> str:
    """Reasons come as keys, or as sentences."""
    return t(f"sources.{said}") if t.has(f"sources.{said}") else said


def duration(seconds: float, t: Texts) -> str:
    if seconds < 1.5 * MINUTE:
        return t("own.time.seconds", count=max(1, round(seconds)))
    if seconds < 1.5 * HOUR:
        return t("own.time.minutes", count=round(seconds / MINUTE))
    hours, rest = divmod(round(seconds / MINUTE), 60)
    return t("own.time.hours", hours=hours, minutes=rest)


def day(at: datetime) -> str:
    return f"{_here(at):%Y-%m-%d}"


def clock(at: datetime) -> str:
    return f"{_here(at):%H:%M}"


def _here(at: datetime) -> datetime:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone()
