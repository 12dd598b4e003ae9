"""The script of a bundle that labels images."""

PREDICT = '''"""Label images: python predict.py IMAGE..."""

import sys
from pathlib import Path

import keiryo_runtime

MODEL = Path(__file__).with_name({model!r})


def main() -> int:
    """Print each image, its likeliest class and the probability; return 2 if one is unreadable."""
    if not sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    predictor = keiryo_runtime.load(MODEL)
    status = 0
    for image in sys.argv[1:]:
        try:
            best = predictor.predict(image)[0]
        except keiryo_runtime.UnreadableImageError as error:
            print(error, file=sys.stderr)
            status = 2
        else:
            print(image, best.label, f"{{best.probability:.4f}}", sep="\\t")
    return status


if __name__ == "__main__":
    sys.exit(main())
'''


def predict_script(model_file: str) -> str:
    """Return the text of predict.py for the model in the file `model_file` beside it."""
    return PREDICT.format(model=model_file)
