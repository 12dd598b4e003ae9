"""`keiryo study`: one claim of the course, shown by an experiment."""

import time
from pathlib import Path
from typing import Annotated

import typer

from keiryo.cli import options

CLAIMS = "convolution, connectivity, quiz"


def study(
    claim: Annotated[
        str,
        typer.Argument(metavar="CLAIM", help=f"Claim to show: {CLAIMS}."),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="A short form, of a few minutes on two cores.")
    ] = False,
    out: options.Out = Path(),
    force: options.ForceFile = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
    lang: options.Lang = None,
    json: options.Json = False,
) -> None:
    """Show a claim of the course by an experiment, with a verdict from this run's figures.

    OUT/study.html has the claim, the formula, the experiment, figures, plots and the verdict, with
    its reason: holds, holds within limits, or does not hold here. OUT/study.json has the same.
    """
    from keiryo.cli.live.terminal import Terminal, open_progress, show_working, watch_silence
    from keiryo.files import write_text
    from keiryo.records.study import STUDY_FILE, STUDY_PAGE
    from keiryo.report import words
    from keiryo.report.languages.catalogue import language
    from keiryo.report.study_page import verdict_words, write_study_page

    for name in (STUDY_FILE, STUDY_PAGE):
        options.check_is_new(out / name, force=force)
    say = language(lang)
    with show_working("loading PyTorch"):
        from keiryo.study.run import run_study
    started = time.monotonic()
    with open_progress() as progress:
        terminal = Terminal(progress)

        def tell(share: float, activity: str) -> None:
            left = ""
            if share > 0:
                seconds = (time.monotonic() - started) * (1 - share) / share
                left = f"{words.duration(seconds)} left"
            terminal.show_bar(activity, share, left)

        terminal.working("beginning")
        with watch_silence(terminal):
            record = run_study(claim, quick=quick, seed=seed or 0, threads=threads, tell=tell)
    document = record.model_dump_json(indent=2) + "\n"
    write_text(out / STUDY_FILE, document)
    page = write_study_page(record, out, lang)
    typer.echo(f"Written: {page}, {out / STUDY_FILE}", err=True)
    if json:
        typer.echo(document, nl=False)
        return
    typer.echo(f"{getattr(record.title, say.code)}: {verdict_words(record.verdict, say)}")
    for one in record.judgements:
        typer.echo(
            f"  {getattr(one.claim, say.code)}: {verdict_words(one.verdict, say)}\n"
            f"    {getattr(one.reason, say.code)}"
        )
