"""Several comparisons side by side, in words."""

from keiryo.records.changes import Change, Changes, ComparedRun
from keiryo.report import words
from keiryo.report.choice import AS_ACCURATE
from keiryo.sentences import count, some_of

LATENCY = {
    "faster": "yes",
    "slower": "slower",
    "same": "no",
    "unknown": "?",
}


def letter(place: int) -> str:
    """Return the name of the comparison at `place`: A, B, ..., Z, then C27."""
    return chr(ord("A") + place) if place < 26 else f"C{place + 1}"


def run_in_words(run: ComparedRun) -> str:
    """Return a comparison in a line: folder, date, data, machine."""
    machine = run.machine
    return (
        f"{run.folder}: {run.created[:16].replace('T', ' ')}, {run.data} at {run.size} px, "
        f"{run.val_images:,} held-out images, {machine.processor} ({machine.device}, "
        f"{count(machine.threads, 'thread')}), {run.engine}, keiryo {run.keiryo_version}"
    )


def change(value: Change) -> str:
    """Return the change of accuracy in points, marked if it is no more than chance."""
    return f"{100.0 * value.difference:+.1f}" + f" {AS_ACCURATE}" * (not value.is_more_than_chance)


def interval(change: Change) -> str:
    """Return the 95 % interval of the change of accuracy, in points."""
    low, high = (100.0 * end for end in change.interval)
    return f"{low:+.1f} to {high:+.1f}"


def cells(value: Change) -> dict[str, str]:
    """Return a change's row of a table, by the headings of the columns."""
    accuracies = words.percent(value.accuracy_before), words.percent(value.accuracy_after)
    sizes = words.size(value.artifact_bytes_before), words.size(value.artifact_bytes_after)
    return {
        "model": value.candidate,
        "runs": f"{letter(value.before)} → {letter(value.after)}",
        "change": change(value),
        "95 % interval": interval(value),
        "images": images(value),
        "accuracy": " → ".join(accuracies),
        "latency": latencies(value),
        "faster?": LATENCY[value.latency_verdict],
        "size": " → ".join(sizes),
    }


def images(change: Change) -> str:
    """Return on which images the accuracies were compared."""
    if change.is_paired:
        return f"{change.shared_images:,} same"
    return f"{change.images_before:,} and {change.images_after:,} others"


def latencies(change: Change) -> str:
    """Return the latencies before and after."""
    before, after = change.latency_ms_before, change.latency_ms_after
    return f"{words.milliseconds(before)} → {words.milliseconds(after)}"


def remarks(changes: Changes) -> list[str]:
    """Return what must be known to read the table of changes."""
    said = []
    tests = []
    if any(change.is_paired for change in changes.changes):
        tests.append("on the same images, McNemar's mid-p test")
    if any(not change.is_paired for change in changes.changes):
        tests.append("on other images, the z test of two proportions")
    if tests:
        number = len(changes.changes)
        said.append(
            f"{AS_ACCURATE} no more than chance: {'; '.join(tests)}, p of 0.05 or more after "
            f"Holm's correction for {count(number, 'change')}. Intervals are Newcombe's, at 95 %."
        )
        said.append(
            "Each accuracy is that of one trained network; with other seeds it would differ."
        )
    if any(change.latency_verdict == "unknown" for change in changes.changes):
        said.append(
            "? Latencies are not compared between machines, engines and image sizes, or if other "
            "processes disturbed a measurement."
        )
    for place in sorted(set(changes.only_in.values())):
        names = [name for name, found in changes.only_in.items() if found == place]
        said.append(f"Only in {letter(place)}: {some_of(names)}.")
    said.append(_recommended(changes))
    return said


def _recommended(changes: Changes) -> str:
    parts = [f"{letter(n)} {run.recommended or 'none'}" for n, run in enumerate(changes.runs)]
    return f"Recommended: {', '.join(parts)}."
