from keiryo.data.sources.digits import Digits


def test_images_and_labels_are_those_of_scikit_learn() -> None:
    digits = Digits()
    assert len(digits.items) == 1797
    assert [item.label for item in digits.items[:12]] == [*range(10), 0, 1]
    # The digest of what `sklearn.datasets.load_digits` gives.
    assert digits.fingerprint() == "digits-1:364d40b3e4f5878c5c7a7a9a2ad4995d"
