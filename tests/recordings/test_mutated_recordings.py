"""Any WAV file, however damaged, is read or refused in a line."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keiryo.errors import InputError
from keiryo.recordings.forming import read_recording
from small_recordings import noise, pcm, write

# Kind of change, place, bytes; most places are in the header.
CHANGES = st.tuples(
    st.sampled_from(["replace", "insert", "cut"]),
    st.one_of(st.integers(0, 60), st.integers(0, 1300)),
    st.binary(min_size=1, max_size=8),
)


@pytest.mark.slow
@settings(
    max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.lists(CHANGES, min_size=1, max_size=5))
def test_a_damaged_wav_is_read_or_refused_in_a_line(
    changes: list[tuple[str, int, bytes]], tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", pcm(noise(600)))
    data = bytearray(path.read_bytes())
    for kind, place, others in changes:
        if kind == "cut":
            del data[max(1, place) :]
        else:
            data[place : place + (len(others) if kind == "replace" else 0)] = others
    path.write_bytes(data)
    refused = ""
    try:
        samples, rate = read_recording(path)
        assert rate > 0
        assert np.isfinite(samples).all()
    except InputError as error:
        refused = str(error)
    assert "\n" not in refused
    assert not refused or str(path) in refused
