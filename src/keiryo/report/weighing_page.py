"""The page of `keiryo weigh`: the cost of each layer, as charts and a table."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from keiryo.files import write_text
from keiryo.records.costs import WEIGHING_FILE, DeviceProfile, Weighing
from keiryo.report import weighing_words
from keiryo.report.charts.layer_columns import draw_layer_columns
from keiryo.report.languages.catalogue import language
from keiryo.report.page_parts import render

MODELS_SIDE_BY_SIDE = 3


def write_weighing_page(
    weighings: Sequence[Weighing],
    profile: DeviceProfile | None,
    folder: Path,
    lang: str | None = None,
) -> Path:
    """Write the page of `weighings` into `folder`; return its path.

    `lang` is a language's code; without it, the locale decides.
    """
    path = folder / WEIGHING_FILE
    write_text(path, render_weighing_page(weighings, profile, lang))
    return path


def render_weighing_page(
    weighings: Sequence[Weighing], profile: DeviceProfile | None, lang: str | None = None
) -> str:
    """Return the page: totals side by side, then the layers of each network."""
    say = language(lang)
    return render(
        "weighing.html.j2",
        say,
        weighings=weighings,
        totals=weighing_words.totals(weighings, say),
        side_by_side=MODELS_SIDE_BY_SIDE,
        remarks=[weighing_words.remarks(weighing, say) for weighing in weighings],
        charts=[
            draw_layer_columns(weighing, number, say) for number, weighing in enumerate(weighings)
        ],
        profile=profile,
        layer_notes=partial(weighing_words.layer_notes, say=say),
        sizes=weighing_words.sizes,
        field_size=weighing_words.field_size,
    )
