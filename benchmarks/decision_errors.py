"""Error rates and coverage of the tests that decide between candidates, where the truth is known.

    python benchmarks/decision_errors.py

It simulates comparisons of equally good candidates: images that are hard for both and for each,
and seeds that move the accuracy by some 2 points.
"""

import argparse

import numpy as np
from scipy import stats

from keiryo.comparison.decision.repeated import corrected_resampled, crossed_interval, welch
from keiryo.comparison.trial.calibration import measure_calibration
from keiryo.statistics import mcnemar_mid_p, paired_difference_interval

Answers = tuple[np.ndarray, np.ndarray]


def simulate(generator: np.random.Generator, images: int, seeds: int) -> Answers:
    """Return the answers (seeds, images) of trainings of two equally good architectures."""
    hardness = generator.normal(1.2, 1.0, size=images)
    answers = []
    for _ in range(2):
        own = hardness + generator.normal(0.0, 0.8, size=images)
        of_seeds = generator.normal(0.0, 0.12, size=(seeds, 1))
        answers.append(own + of_seeds + generator.logistic(0.0, 0.3, size=(seeds, images)) > 0)
    return answers[0], answers[1]


def of_networks(generator: np.random.Generator, rounds: int) -> dict[str, float]:
    """Return the shares of rejections and of coverage for two networks on 863 images."""
    tables = generator.multinomial(863, [0.80, 0.06, 0.06, 0.08], size=rounds).tolist()
    intervals = [paired_difference_interval(*table) for table in tables]
    return {
        "McNemar's mid-p, rejected": np.mean([mcnemar_mid_p(t[1], t[2]) < 0.05 for t in tables]),
        "Newcombe's interval, covered": np.mean([low <= 0 <= high for low, high in intervals]),
    }


def of_architectures(
    generator: np.random.Generator, rounds: int, images: int, seeds: int
) -> dict[str, float]:
    """Return the shares for two architectures: seeds alone, and seeds with images."""
    over_seeds, crossed, told = [], [], []
    for number in range(rounds):
        first, second = simulate(generator, images, seeds)
        found = welch(first.mean(1), second.mean(1))
        low, high = crossed_interval(first, second, seed=number)
        over_seeds.append(found.interval[0] <= 0 <= found.interval[1])
        crossed.append(low <= 0 <= high)
        told.append(found.p_value < 0.05 and not low <= 0 <= high)
    case = f"{seeds} seeds, {images} images"
    return {
        f"Welch's interval over seeds alone, covered for other images, {case}": np.mean(over_seeds),
        f"crossed bootstrap, covered for other images, {case}": np.mean(crossed),
        f"architectures told from each other, {case}": np.mean(told),
    }


def of_folds(generator: np.random.Generator, rounds: int) -> dict[str, float]:
    """Return the shares of rejections over five folds, corrected and pooled."""
    common = generator.normal(size=(rounds, 1)) * np.sqrt(0.2)
    differences = common + generator.normal(size=(rounds, 5)) * np.sqrt(0.8)
    corrected = [corrected_resampled(each, 0.25).p_value < 0.05 for each in differences]
    return {
        "t test over 5 folds, corrected variance, rejected": np.mean(corrected),
        "t test over 5 folds, plain variance, rejected": np.mean(
            stats.ttest_1samp(differences, 0.0, axis=1).pvalue < 0.05
        ),
    }


def of_calibration(generator: np.random.Generator, rounds: int, excess: float) -> dict[str, float]:
    """Return the coverage of the calibration error's interval, with a true error of `excess`."""
    covered = []
    for _ in range(rounds):
        true = generator.uniform(0.5, 0.9, size=863)
        found = measure_calibration(true + excess, generator.random(863) < true)
        assert found is not None
        covered.append(found.interval[0] <= excess <= found.interval[1])
    return {f"calibration error of {100 * excess:g} points, covered": np.mean(covered)}


def main() -> None:
    """Print a table of all shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    generator = np.random.default_rng(given.seed)
    shares = of_networks(generator, 5 * given.rounds)
    for images, seeds in ((863, 5), (863, 10), (250, 5)):
        shares |= of_architectures(generator, given.rounds, images, seeds)
    shares |= of_folds(generator, 5 * given.rounds)
    for excess in (0.0, 0.03, 0.1):
        shares |= of_calibration(generator, given.rounds, excess)
    print("| simulated | share |\n| --- | --- |")
    for name, share in shares.items():
        print(f"| {name} | {100 * share:.1f} % |")


if __name__ == "__main__":
    main()
