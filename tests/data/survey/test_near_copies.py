import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keiryo.data.image.decoding import decode_image
from keiryo.data.image.facts import examine, facts_of_pixels
from keiryo.data.sources.petals import draw_image
from keiryo.data.survey.near_copies import LARGEST_DISTANCE, find_near_copies, join_groups


def by_brute_force(hashes: list[str]) -> set[tuple[int, int, int]]:
    values = [int(text, 16) for text in hashes]
    pairs = ((i, j) for j in range(len(values)) for i in range(j))
    distances = ((i, j, (values[i] ^ values[j]).bit_count()) for i, j in pairs)
    return {pair for pair in distances if pair[2] <= LARGEST_DISTANCE}


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 60), st.integers(1, 4))
def test_all_pairs_of_a_comparison_of_all_with_all_are_found(
    seed: int, count: int, seeds: int
) -> None:
    random = np.random.default_rng(seed)
    originals = random.integers(0, 2, (seeds, 256))
    hashes: dict[str, None] = {}
    for _ in range(count):
        bits = originals[random.integers(seeds)].copy()
        # As many differences as decide it, and put where they hide best: spread or together.
        flips = random.integers(0, 40)
        spread = random.permutation(256)[:flips]
        together = (random.integers(256) + np.arange(flips)) % 256
        bits[spread if random.random() < 0.5 else together] ^= 1
        hashes[np.packbits(bits).tobytes().hex()] = None
    assert set(find_near_copies(list(hashes))) == by_brute_force(list(hashes))


def test_thirty_differences_spread_over_all_words_are_found() -> None:
    one = np.zeros(256, int)
    other = one.copy()
    other[[16 * word + bit for word in range(16) for bit in (3, 9)][:30]] = 1
    hashes = [np.packbits(bits).tobytes().hex() for bits in (one, other)]
    assert find_near_copies(hashes) == [(0, 1, 30)]


def test_the_same_hash_many_times_is_a_star_and_the_empty_one_is_like_none() -> None:
    assert find_near_copies(["ab" * 32, "", "ab" * 32, "ab" * 32, ""]) == [(0, 2, 0), (0, 3, 0)]
    assert find_near_copies([]) == []


def test_a_image_is_known_again_after_what_happens_to_images() -> None:
    hashes = []
    for label in range(5):
        image = Image.fromarray(draw_image(label, size=160, seed=(7, label)))
        data = io.BytesIO()
        image.save(data, "JPEG", quality=30)
        variants = (
            image,
            Image.open(data).convert("RGB"),
            image.resize((90, 90)),
            image.resize((301, 301), Image.Resampling.BICUBIC),
            image.crop((1, 1, 159, 159)),
            image.point(lambda value: value * 0.85 + 10),
        )
        hashes += [facts_of_pixels(np.asarray(variant)).hash for variant in variants]
    found = {pair[:2] for pair in find_near_copies(hashes)}
    same = {(i, j) for j in range(30) for i in range(j) if i // 6 == j // 6}
    assert found <= same
    assert {(6 * label, 6 * label + n) for label in range(5) for n in range(1, 6)} <= found


def test_of_the_frames_of_a_film_only_the_nearest_links_are_given() -> None:
    random = np.random.default_rng(0)
    bits = random.integers(0, 2, 256)
    hashes: dict[str, None] = {}
    for _ in range(1500):
        bits[random.integers(0, 256)] ^= 1
        hashes[np.packbits(bits).tobytes().hex()] = None
    pairs = find_near_copies(list(hashes))
    assert len(pairs) == len(hashes) - 1
    assert all(distance <= 2 for _, _, distance in pairs)
    assert len(set(join_groups(np.arange(len(hashes)), pairs))) == 1


def test_a_image_without_colour_is_known_by_its_pixels() -> None:
    colored = draw_image(2, size=64, seed=(1, 2))
    gray = np.repeat(colored.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert "gray" not in facts_of_pixels(colored).notes
    assert "gray" in facts_of_pixels(gray).notes


def test_a_jpeg_whose_lower_part_is_missing_is_noted() -> None:
    data = io.BytesIO()
    Image.fromarray(draw_image(2, size=160, seed=(1, 2))).save(data, "JPEG")
    whole = data.getvalue()
    cut = whole[: len(whole) // 2] + b"\xff\xd9"
    assert "filled" not in examine(decode_image(whole, suffix=".jpg")).notes
    assert "filled" in examine(decode_image(cut, suffix=".jpg")).notes
