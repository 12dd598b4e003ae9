"""The comparison of a pack with the images of a source, judged by their content.

Copying, renaming or touching files changes no image.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from keiryo.data.packs.pack import PackHeader
from keiryo.data.sources.source import Source
from keiryo.data.survey_record import Survey
from keiryo.sealed_pack import Difference

READERS = 8  # threads; reading waits for the disk more than it computes

# Class, split and content of an image.
Kind = tuple[str, str | None, str]


def has_contents(survey: Survey) -> bool:
    """Return whether `survey` tells images by content; those of earlier versions do not."""
    return all(image.facts.content for image in survey.images)


def holds_images_of(header: PackHeader, source: Source) -> bool:
    """Return whether the pack of `header` was made of the images of `source`."""
    if header.fingerprint == source.fingerprint():
        return True
    return has_contents(header.survey) and difference(header.survey, source).is_none


def difference(survey: Survey, source: Source) -> Difference:
    """Return how the images of `source` differ from those of `survey`. Every file is read."""
    contents = _contents_of(source)
    if contents is None or not has_contents(survey):
        return Difference(is_known=False)
    then: Counter[Kind] = Counter(
        (survey.classes[image.label], image.split, image.facts.content) for image in survey.images
    )
    now: Counter[Kind] = Counter(
        (source.classes[item.label], item.split, content)
        for item, content in zip(source.items, contents, strict=True)
    )
    gone = (then - now).total()
    # Those that could not be read have neither class nor split in a survey.
    new = Counter(content for _, _, content in (now - then).elements())
    unreadable = Counter(entry.content for entry in survey.left_out)
    gone += (unreadable - new).total()
    added = (new - unreadable).total()
    return Difference(added, gone)


def _contents_of(source: Source) -> Sequence[str] | None:
    with ThreadPoolExecutor(READERS) as readers:
        found = list(readers.map(source.content, range(len(source.items))))
    known = [content for content in found if content is not None]
    return known if len(known) == len(found) else None
