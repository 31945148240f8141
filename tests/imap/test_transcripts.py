"""Every file in transcripts/ is a test; transcript.py says how they are written."""
import pathlib

import pytest

from transcript import Player

FILES = sorted(pathlib.Path(__file__).with_name("transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_transcript(server, user, path):
    player = Player(server, user, path)
    try:
        player.play()
    finally:
        player.close()
