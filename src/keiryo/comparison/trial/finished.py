"""Finding a finished trial with its analysis; it loads no torch, unless the record is old."""

import json
from pathlib import Path

from pydantic import ValidationError

from keiryo.errors import InputError
from keiryo.records.analysis import Analysis
from keiryo.records.comparison import Trial
from keiryo.records.places import RESULTS_FILE, TRIAL_FILE

WANTED = "give the folder of a finished trial, OUT/trials/NAME, or a comparison's"


def read_finished_trial(place: Path) -> tuple[Trial, Analysis]:
    """Return the record and the analysis of the trial in the folder `place`.

    A comparison's folder stands for the trial that it recommends, or for its most accurate one.
    Raises InputError if there is none, or if it is not finished.
    """
    folder = place if (place / TRIAL_FILE).is_file() else _trial_of_comparison(place)
    try:
        trial = Trial.model_validate_json((folder / TRIAL_FILE).read_bytes())
    except FileNotFoundError:
        raise InputError(f"{folder}: holds no {TRIAL_FILE}; {WANTED}") from None
    except (ValidationError, ValueError):
        raise InputError(f"{folder / TRIAL_FILE}: damaged, or by another version") from None
    if trial.status != "done":
        raise InputError(
            f"{folder}: its training is not done ({trial.status}), so it has no held-out answers; "
            f"see keiryo diagnose"
        )
    if trial.analysis is None:
        _analyze_anew(trial, folder)
    if trial.analysis is None:
        raise InputError(f"{folder}: its held-out answers are gone; {WANTED}")
    return trial, trial.analysis


def _trial_of_comparison(place: Path) -> Path:
    try:
        results = json.loads((place / RESULTS_FILE).read_bytes())
        found = results.get("recommended_trial") or results.get("most_accurate_trial")
    except FileNotFoundError:
        raise InputError(f"{place}: holds no trial; {WANTED}") from None
    except (ValueError, AttributeError, OSError):
        raise InputError(f"{place / RESULTS_FILE}: not a comparison's; {WANTED}") from None
    if not isinstance(found, str):
        raise InputError(f"{place}: the comparison recommends no model; name one of its trials")
    return place / found


def _analyze_anew(trial: Trial, folder: Path) -> None:
    """Analyse a trial of an earlier version, which kept its answers but no analysis of them."""
    from keiryo.comparison.plan import pack_place, read_plan
    from keiryo.comparison.trial.analysis import fill_missing_analyses
    from keiryo.data.packs.pack import open_pack

    out = folder.resolve().parent.parent
    pack = open_pack(pack_place(out, read_plan(out)), verify=False)
    fill_missing_analyses([trial], pack, out)
