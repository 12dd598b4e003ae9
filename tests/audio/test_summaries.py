from pathlib import Path

from keiryo.audio.summaries import summary_of_recordings
from keiryo.recordings.split import split_recordings
from small_recordings import noise, pack_of, write


def test_the_conditions_to_generate_with_are_those_of_training_recordings(tmp_path: Path) -> None:
    names = ("1_ann", "1_bob", "2_bob", "2_bob_again", "1_theo", "2_theo", "2_theo_again")
    for number, name in enumerate(names):
        write(tmp_path / "set" / f"{name}.wav", noise(500, seed=number))
    pattern = r"(?P<digit>\d)_(?P<speaker>[a-z]+)"
    pack = pack_of(tmp_path / "set", tmp_path / "pack", condition=pattern)
    splits = split_recordings(pack, seed=0, hold_out="theo")
    summary = summary_of_recordings(pack, splits, receptive_field=10)
    assert summary.trained_conditions == {"digit": "2", "speaker": "bob"}
    # Without conditions there are none.
    plain = pack_of(tmp_path / "set", tmp_path / "plain")
    splits = split_recordings(plain, seed=0)
    assert summary_of_recordings(plain, splits, receptive_field=10).trained_conditions == {}
