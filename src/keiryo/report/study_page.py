"""The page of a study: the claim, the verdicts with their reasons, plots and tables."""

from pathlib import Path

from keiryo.files import write_text
from keiryo.records.study import STUDY_PAGE, Study, Told, Verdict
from keiryo.report.charts.study_plot import draw_study_plot
from keiryo.report.languages.catalogue import Language, language
from keiryo.report.page_parts import render

# Of findings, as which the verdicts are drawn.
STYLES: dict[Verdict, str] = {
    "holds": "info",
    "within_limits": "warning",
    "does_not_hold": "error",
    "not_judged": "info",
}


def write_study_page(study: Study, folder: Path, lang: str | None = None) -> Path:
    """Write the page of `study` into `folder`; return its path.

    `lang` is a language's code; without it, the locale decides.
    """
    path = folder / STUDY_PAGE
    write_text(path, render_study_page(study, lang))
    return path


def render_study_page(study: Study, lang: str | None = None) -> str:
    """Return the page of `study`."""
    say = language(lang)

    def told(text: Told | str) -> str:
        return text if isinstance(text, str) else getattr(text, say.code)

    return render(
        "study.html.j2",
        say,
        study=study,
        told=told,
        verdict=lambda verdict: verdict_words(verdict, say),
        styles=STYLES,
        colon=say("study.colon"),
        charts=[draw_study_plot(plot, say) for plot in study.plots],
    )


def verdict_words(verdict: Verdict, say: Language) -> str:
    """Return the verdict in words."""
    return say.plain(f"study.{verdict}")
