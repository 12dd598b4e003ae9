"""The plan of a comparison, as a table on the terminal."""

from keiryo.cli.tables.table import make_table, open_console, say
from keiryo.comparison.beforehand.preview_record import Preview
from keiryo.report import words
from keiryo.sentences import count


def print_preview(preview: Preview) -> None:
    """Print what a comparison would do: its data, a row for each candidate, time and disk."""
    console = open_console()
    images = f"{preview.train_images:,} training and {preview.held_out_images:,} held-out images"
    say(console, f"{preview.data}: {count(len(preview.classes), 'class', 'classes')}, {images}")
    budget = count(preview.epochs or 0, "epoch")
    if preview.minutes is not None:
        budget = f"{words.duration(60 * preview.minutes)} each"
    repeats = [f"{preview.seeds} seeds"] if preview.seeds > 1 else []
    repeats += [f"{preview.folds} folds"] if preview.folds > 1 else []
    threads = count(preview.threads, "thread")
    trained = [f"{preview.size} px", f"batch {preview.batch}", budget, *repeats]
    say(console, f"{', '.join(trained)}; on {preview.device}, {threads}")
    has_recipes = len({candidate.recipe for candidate in preview.candidates}) > 1
    left = ["model", *(["recipe"] if has_recipes else [])]
    table = make_table(left, ["params", "MACs", "size", "memory", "a training"])
    for candidate in preview.candidates:
        is_trained = candidate.not_trained_because is None
        table.add_row(
            candidate.model,
            *([candidate.recipe] if has_recipes else []),
            words.number(candidate.parameters),
            words.number(candidate.macs),
            words.size(candidate.size_bytes),
            words.size(candidate.memory_bytes),
            words.duration(candidate.train_seconds) if is_trained else "not trained",
        )
    console.print(table)
    left_out = {one.model: one.not_trained_because for one in preview.candidates}
    for model, because in left_out.items():
        if because is not None:
            say(console, f"{model}: {because}")
    total = preview.total_seconds
    said = "unknown time" if total is None else f"about {words.duration(total)}"
    if preview.total_minutes is not None:
        said = words.duration(total)
    trainings = count(preview.trainings, "training")
    say(console, f"{trainings}: {said} in all, at most {words.size(preview.disk_bytes)} on disk")
    say(console, "Nothing was trained or written (--dry-run).", style="dim")
