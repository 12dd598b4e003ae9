"""The errors of a trained network, on the terminal: confusions, classes, worst files."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keiryo.cli.tables.table import make_table, needed_width, open_console, say
from keiryo.records.analysis import Analysis, ClassFigures
from keiryo.records.comparison import Trial
from keiryo.report import words
from keiryo.sentences import count

MOST_CLASSES = 20
MOST_CONFUSIONS = 10
MOST_FILES = 10
# Of names beside a confusion matrix, the first that fits.
LONGEST_NAMES = (60, 40, 24, 16, 10)


def print_errors(trial: Trial, analysis: Analysis) -> None:
    """Print the classes, the confusions, the calibration and the worst errors of a trial."""
    console = open_console()
    images = count(analysis.images, "held-out image", "held-out images")
    share = words.percent(analysis.errors / analysis.images) if analysis.images else "–"
    say(
        console,
        f"{trial.candidate}, {words.run(trial.seed, trial.fold)}: {analysis.errors:,} of {images} "
        f"classified incorrectly ({share})",
    )
    _print_classes(console, analysis)
    if not analysis.errors:
        return
    matrices = (_matrix(analysis, longest) for longest in LONGEST_NAMES)
    fitting = (each for each in matrices if needed_width(each, console) <= console.width)
    matrix = next(fitting, None) if len(analysis.classes) <= MOST_CLASSES else None
    if matrix is not None:
        console.print(matrix)
    else:
        _print_confusions(console, analysis)
    if analysis.calibration is not None:
        say(console, words.calibration(analysis.calibration))
    _print_files(console, analysis)


def _print_classes(console: Console, analysis: Analysis) -> None:
    shown: Sequence[ClassFigures] = analysis.classes
    if len(shown) > MOST_CLASSES:
        measured = [each for each in shown if each.recall is not None]
        shown = sorted(measured, key=lambda each: each.recall or 0.0)[: MOST_CLASSES // 2]
        say(
            console, f"The {len(shown)} classes with the lowest recall, of {len(analysis.classes)}:"
        )
    table = _class_table(shown, with_intervals=True)
    if needed_width(table, console) > console.width:
        table = _class_table(shown, with_intervals=False)
    console.print(table)


def _class_table(shown: Sequence[ClassFigures], *, with_intervals: bool) -> Table:
    interval = ["95 % interval"] * with_intervals
    table = make_table(["class"], ["images", "recall", *interval, "precision", *interval])
    for each in shown:
        recall, precision = words.percent(each.recall), words.percent(each.precision)
        cells = [recall, precision]
        if with_intervals:
            intervals = _interval(each.recall_interval), _interval(each.precision_interval)
            cells = [recall, intervals[0], precision, intervals[1]]
        table.add_row(Text(_printable(each.name)), f"{each.images:,}", *cells)
    return table


def _interval(interval: tuple[float, float] | None) -> str:
    return "–" if interval is None else f"{100 * interval[0]:.1f} – {100 * interval[1]:.1f} %"


def _matrix(analysis: Analysis, longest: int) -> Table:
    """Return the confusion matrix, its columns numbered as the rows, its names cut to `longest`."""
    numbers = [str(number) for number in range(1, len(analysis.classes) + 1)]
    table = make_table(["class, by predicted class"], numbers)
    for row, figures in enumerate(analysis.confusion_matrix):
        name = _cut(_printable(analysis.classes[row].name), longest)
        cells = [
            Text(f"{images:,}" if images else "·", style="bold" if row == column else "")
            for column, images in enumerate(figures)
        ]
        table.add_row(Text(f"{numbers[row]} {name}"), *cells)
    return table


def _print_confusions(console: Console, analysis: Analysis) -> None:
    wrong = [each for each in analysis.confusions if each[0] != each[1]]
    wrong.sort(key=lambda each: -each[2])
    table = make_table(["class", "named instead"], ["images", "of the class"])
    for label, predicted, images in wrong[:MOST_CONFUSIONS]:
        of_class = analysis.classes[label]
        table.add_row(
            Text(_printable(of_class.name)),
            Text(_printable(analysis.classes[predicted].name)),
            f"{images:,}",
            words.percent(images / of_class.images),
        )
    console.print(table)
    if len(wrong) > MOST_CONFUSIONS:
        more = count(len(wrong) - MOST_CONFUSIONS, "more confusion")
        say(console, f"--json has the {more}.")


def _print_files(console: Console, analysis: Analysis) -> None:
    say(console, "The most confident errors:")
    for error in analysis.confident_errors[:MOST_FILES]:
        say(
            console,
            f"  {_printable(error.file)}: {_printable(error.predicted)} "
            f"{words.percent(error.probability)}, labelled {_printable(error.label)} "
            f"({words.percent(error.label_probability)})",
        )
    rest = len(analysis.confident_errors) - MOST_FILES
    if rest > 0:
        say(console, f"--json lists {count(rest, 'more file')}.")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _printable(text: str) -> str:
    """Return `text` with what would steer the terminal written out."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
