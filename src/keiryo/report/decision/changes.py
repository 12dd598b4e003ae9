"""Several comparisons side by side, in words."""

from keiryo.records.changes import Change, Changes, ComparedRun
from keiryo.report import words
from keiryo.report.choice import AS_ACCURATE
from keiryo.report.languages.catalogue import Language
from keiryo.sentences import count, some_of

# Keys of the catalogue, in the order of the table's columns.
COLUMNS = (
    *("model", "between", "change", "interval", "images"),
    *("accuracy", "latency", "faster", "size"),
)
LATENCY = {"faster": "yes", "slower": "slower", "same": "no", "unknown": "unknown"}


def letter(place: int) -> str:
    """Return the name of the comparison at `place`: A, B, ..., Z, then C27."""
    return chr(ord("A") + place) if place < 26 else f"C{place + 1}"


def headings(say: Language) -> list[str]:
    """Return the headings of the table of changes."""
    return [say.plain(f"several.{key}") for key in COLUMNS]


def run_in_words(run: ComparedRun) -> str:
    """Return a comparison in a line: folder, date, data, machine."""
    return (
        f"{run.folder}: {date(run)}, {run.data} at {run.size} px, {run.val_images:,} held-out "
        f"images, {machine(run)}, {run.engine}, keiryo {run.keiryo_version}"
    )


def date(run: ComparedRun) -> str:
    """Return the date and time of a comparison."""
    return run.created[:16].replace("T", " ")


def machine(run: ComparedRun) -> str:
    """Return the machine of a comparison in a few words."""
    threads = count(run.machine.threads, "thread")
    return f"{run.machine.processor} ({run.machine.device}, {threads})"


def cells(value: Change, say: Language) -> dict[str, str]:
    """Return a change's row of a table, by the keys of the columns."""
    accuracies = words.percent(value.accuracy_before), words.percent(value.accuracy_after)
    sizes = words.size(value.artifact_bytes_before), words.size(value.artifact_bytes_after)
    times = (
        words.milliseconds(value.latency_ms_before),
        words.milliseconds(value.latency_ms_after),
    )
    low, high = (100.0 * end for end in value.interval)
    return {
        "model": value.candidate,
        "between": f"{letter(value.before)} → {letter(value.after)}",
        "change": f"{100.0 * value.difference:+.1f}"
        + f" {AS_ACCURATE}" * (not value.is_more_than_chance),
        "interval": f"{low:+.1f} – {high:+.1f}",
        "images": _images(value, say),
        "accuracy": " → ".join(accuracies),
        "latency": " → ".join(times),
        "faster": say.plain(f"several.{LATENCY[value.latency_verdict]}"),
        "size": " → ".join(sizes),
    }


def remarks(changes: Changes, say: Language) -> list[str]:
    """Return what must be known to read the table of changes."""
    said: list[str] = []
    kinds = {change.is_paired for change in changes.changes}
    tests = [
        say.plain(f"several.{key}")
        for key, is_paired in (("paired_test", True), ("other_test", False))
        if is_paired in kinds
    ]
    if tests:
        number = len(changes.changes)
        said.append(say.plain("several.legend", tests="; ".join(tests), n=number))
        said.append(say.plain("several.one_training"))
    if False in kinds:
        said.append(say.plain("several.images_differ"))
    for name, before, after in changes.other_classes:
        between = f"{letter(before)} → {letter(after)}"
        said.append(say.plain("several.other_classes", name=name, runs=between))
    if any(change.latency_verdict == "unknown" for change in changes.changes):
        said.append(say.plain("several.not_compared"))
    for place in sorted(set(changes.only_in.values())):
        names = [name for name, found in changes.only_in.items() if found == place]
        said.append(say.plain("several.only_in", run=letter(place), names=some_of(names)))
    recommended = ", ".join(
        f"{letter(place)} {run.recommended or say.plain('several.none')}"
        for place, run in enumerate(changes.runs)
    )
    return [*said, say.plain("several.all_recommended", names=recommended)]


def _images(value: Change, say: Language) -> str:
    if value.is_paired:
        return say.plain("several.same_images", images=f"{value.shared_images:,}")
    before, after = f"{value.images_before:,}", f"{value.images_after:,}"
    return say.plain("several.other_images", before=before, after=after)
