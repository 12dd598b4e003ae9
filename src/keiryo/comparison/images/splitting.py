"""The split of a comparison's images: by its plan, and by what its pretrained weights have seen."""

from keiryo.comparison.plan import Plan
from keiryo.comparison.pretrained.pretrained import seen_by_starts
from keiryo.data.survey.split import Splits, split_images
from keiryo.data.survey_record import Survey
from keiryo.files import shown
from keiryo.records.base import Finding
from keiryo.sentences import count, some_of


def check_folds(plan: Plan, survey: Survey) -> list[Finding]:
    """Return findings about the folds of `plan`, after splitting `survey` into each.

    Raises InputError if a fold holds out no image at all.
    """
    if plan.folds == 1:
        return []
    lacking: dict[str, list[int]] = {}
    for fold in range(1, plan.folds + 1):
        splits = split_of_plan(plan, survey, fold)
        held_out = {survey.images[row].label for row in splits.val}
        for label, name in enumerate(survey.classes):
            if label not in held_out:
                lacking.setdefault(name, []).append(fold)
    if not lacking:
        return []
    return [
        Finding(
            code="class_not_in_fold",
            severity="warning",
            evidence=f"{count(len(lacking), 'class has', 'classes have')} no held-out image in "
            f"some of the {plan.folds} folds: {some_of(list(lacking))}",
            advice="Each of their images is held out once, but an accuracy of those folds is "
            "without these classes. Add images, at least five a class, or give fewer --folds.",
        )
    ]


def split_of_plan(plan: Plan, survey: Survey, fold: int | None = None) -> Splits:
    """Return the split of `plan` in `fold`, from 1; None: it has only one split.

    Images that the plan's pretrained weights were trained on are not held out. Raises InputError if
    none is left, or as `split_images`.
    """
    if plan.split_by == "order":  # begun by an earlier version, which did not look at the weights
        return split_images(survey, seed=plan.seed, fold=(fold or 1) - 1, by="order")
    seen = seen_by_starts(plan)
    splits = split_images(survey, seed=plan.seed, fold=(fold or 1) - 1, seen=seen.marks)
    if seen.unknown:
        splits.findings.append(
            Finding(
                code="start_unknown",
                severity="warning",
                evidence="the pretrained weights do not say which images they were trained on: "
                + ", ".join(map(shown, seen.unknown)),
                advice="If they were trained on images of this set, the accuracy is too high. "
                "Weights that this version trains say it.",
            )
        )
    return splits
