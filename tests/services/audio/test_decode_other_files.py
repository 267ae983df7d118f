"""Files that name other files never lead anywhere: the named file is watched by the kernel and must not be opened."""

import ctypes
import os
import select

import pytest

from services.audio import decode_child, libav
from services.audio.decode import Decoded, Encoded, Limits, decode_files, encoded
from services.audio.decode_child import Order
from services.audio.faults import Undecodable
from services.audio.pcm import open_nameless
from services.audio.sniff import CONTAINERS
from tests import sounds
from tests.encoded import ALL

IN_OPEN = 0x20


class Watch:
    """An inotify watch on one file."""

    def __init__(self, path):
        libc = ctypes.CDLL(None)
        self.fd = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self.fd, os.fsencode(path), IN_OPEN) >= 0

    def opened(self):
        ready = bool(select.select([self.fd], [], [], 0.05)[0])
        if ready:
            os.read(self.fd, 4096)
        return ready


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "target.wav"
    path.write_bytes(ALL["wav-16"][1](sounds.knock()))
    return path


def _lures(target):
    url = f"file://{target}"
    return {
        "m3u": f"#EXTM3U\n{target}\n",
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
        "pls": f"[playlist]\nFile1={url}\nNumberOfEntries=1\n",
        "concat": f"ffconcat version 1.0\nfile {target}\n",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={target}\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "cue": f'FILE "{target}" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\n',
        "mpd": f'<?xml version="1.0"?><MPD><Period><BaseURL>{url}</BaseURL></Period></MPD>',
    }


def test_the_watch_sees_an_opened_file(target):
    watch = Watch(target)
    assert not watch.opened()
    target.read_bytes()
    assert watch.opened()


def test_through_the_whole_door_nothing_is_opened(target, tmp_path):
    files = []
    for name, text in _lures(target).items():
        path = tmp_path / f"lure.{name}"
        path.write_text(text)
        files.append(encoded(path))
        files += [Encoded(path, container) for container in CONTAINERS]  # and if the magic bytes had been fooled
    watch = Watch(target)
    assert not any(isinstance(v, Decoded) for v in decode_files(files, Limits(30.0), tmp_path))
    assert not watch.opened()


@pytest.mark.parametrize("container", CONTAINERS)
def test_even_without_the_cage_nothing_is_opened(target, tmp_path, container):
    """The demuxer is named, so no text file is ever taken for a list of other files."""
    libav.load()
    watch = Watch(target)
    for text in _lures(target).values():
        path = tmp_path / "lure"
        path.write_text(text)
        out = open_nameless(str(tmp_path))
        with path.open("rb") as file, pytest.raises(Undecodable):
            decode_child.decode(Order(file.fileno(), out, container, 44_100, 2, 30.0), lambda _: None)
        os.close(out)
    assert not watch.opened()
