"""The names of VGG's modules."""

from keiryo.models.weights.names.convolution_names import Names


def torchvision_vgg(repeats: tuple[int, ...], *, batch_norm: bool) -> Names:
    """Yield torchvision's names for vgg* and vgg*_bn."""
    yield from _vgg_features(repeats, batch_norm=batch_norm)
    for index in (0, 3, 6):
        yield f"classifier.{index}", f"classifier.{index}"


def timm_vgg(repeats: tuple[int, ...], *, batch_norm: bool) -> Names:
    """Yield timm's names: the first two linear layers are convolutions over all of their input."""
    yield from _vgg_features(repeats, batch_norm=batch_norm)
    yield "classifier.0", "pre_logits.fc1"
    yield "classifier.3", "pre_logits.fc2"
    yield "classifier.6", "head.fc"


def _vgg_features(repeats: tuple[int, ...], *, batch_norm: bool) -> Names:
    ours = theirs = 0
    for stage_repeats in repeats:
        for _ in range(stage_repeats):
            yield f"features.{ours}.0", f"features.{theirs}"
            if batch_norm:
                yield f"features.{ours}.1", f"features.{theirs + 1}"
            ours += 1
            theirs += 3 if batch_norm else 2  # convolution, norm, ReLU
        ours, theirs = ours + 1, theirs + 1  # pooling
