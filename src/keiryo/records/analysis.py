"""The record of a trained network's answers for the held-out images, class by class."""

from pydantic import Field

from keiryo.records.base import Record


class ClassFigures(Record):
    """Recall and precision of one class on the held-out images, with 95 % Wilson intervals.

    A figure is None where there is no image to measure it on.
    """

    name: str
    images: int = Field(description="held-out images of this class")
    predicted: int = Field(description="held-out images that are classified as this class")
    correct: int = Field(description="images of this class that are classified as it")
    recall: float | None = Field(description="correct / images")
    recall_interval: tuple[float, float] | None
    precision: float | None = Field(description="correct / predicted")
    precision_interval: tuple[float, float] | None


class CalibrationBin(Record):
    """Images with similar confidence, the probability of the likeliest class."""

    images: int
    confidence: float = Field(description="mean over the images")
    accuracy: float
    accuracy_interval: tuple[float, float] = Field(description="95 % Wilson interval")


class Calibration(Record):
    """The agreement of a network's confidence with its accuracy.

    The bins hold equally many images. `error` is the root of the mean squared difference of
    confidence and accuracy over the bins, without the part that chance adds (Ferro & Fricker 2012;
    Kumar, Liang & Ma 2019): 0.05 is five points.
    """

    error: float
    interval: tuple[float, float] = Field(description="95 % interval of the error")
    squared_error: float = Field(
        description="unbiased estimate of the squared error; below zero where chance alone would "
        "bring a larger one"
    )
    overconfidence: float = Field(
        description="mean confidence minus accuracy; below zero: too cautious"
    )
    bins: list[CalibrationBin] = Field(description="by rising confidence")


class ConfidentError(Record):
    """A held-out image that is classified incorrectly."""

    file: str
    label: str
    predicted: str
    probability: float = Field(description="of the predicted class")
    label_probability: float


class Analysis(Record):
    """A trained network's answers for its held-out images.

    They are those of torch, also where another engine gives the accuracy of the comparison.
    """

    images: int
    errors: int = Field(description="images that are classified incorrectly")
    confusions: list[tuple[int, int, int]] = Field(
        description="class, predicted class (both by their place in `classes`), number of held-out "
        "images; pairs without an image are left out"
    )
    classes: list[ClassFigures] = Field(description="in the order of the data's classes")
    calibration: Calibration | None = Field(
        default=None, description="None: too few held-out images"
    )
    confident_errors: list[ConfidentError] = Field(
        default=[], description="the errors with the highest probability, at most 24"
    )

    @property
    def confusion_matrix(self) -> list[list[int]]:
        """Numbers of images, a row for each class and a column for each predicted class."""
        matrix = [[0] * len(self.classes) for _ in self.classes]
        for label, predicted, images in self.confusions:
            matrix[label][predicted] = images
        return matrix
