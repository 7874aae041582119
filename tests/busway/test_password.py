"""``busway password``."""

import os
import pty
import subprocess
import sys
from itertools import cycle

import pytest

from busway.engine.passwords import verify_password
from busway.engine.security_settings import TokenSettings, UserSettings

COMMAND = [sys.executable, "-m", "busway", "password"]


def piped(text, *options):
    return subprocess.run([*COMMAND, *options], input=text, capture_output=True, text=True, timeout=60)


def typed(*answers):
    """Runs the command on a terminal; the questions are asked in turn. Returns status, output and what was shown."""
    master, slave = pty.openpty()
    process = subprocess.Popen(COMMAND, stdin=slave, stdout=subprocess.PIPE, stderr=slave, start_new_session=True)
    os.close(slave)
    shown = b""
    for answer, question in zip(answers, cycle((b"Password: ", b"Again: "))):
        before = len(shown)
        while question not in shown[before:]:
            shown += os.read(master, 1000)
        os.write(master, answer.encode() + b"\n")
    out, _ = process.communicate(timeout=60)
    os.close(master)
    return process.returncode, out.decode(), shown.decode()


def test_from_a_pipe_it_hashes_the_first_line():
    done = piped("geheim und länger\r\nnot this\n")
    assert done.returncode == 0
    (line,) = done.stdout.splitlines()
    assert verify_password("geheim und länger", line)
    assert UserSettings(name="a", password=line, permissions="*")


def test_on_a_terminal_it_asks_twice_and_shows_nothing():
    status, out, shown = typed("geheim", "geheim")
    assert status == 0
    assert verify_password("geheim", out.strip())
    assert "geheim" not in shown


def test_it_asks_again_when_the_two_differ():
    status, out, _ = typed("geheim", "geheom", "other", "other")
    assert status == 0
    assert verify_password("other", out.strip())


@pytest.mark.parametrize("text", ["", "\n", "x" * 1025])
def test_no_password_and_too_long_a_one_are_refused(text):
    done = piped(text)
    assert (done.returncode, done.stdout) == (1, "")
    assert "1 to 1024 characters" in done.stderr


def test_a_token_is_made_with_its_hash():
    first, second = piped("", "--token").stdout, piped("", "--token").stdout
    assert first != second
    token, hash = (line.split()[1] for line in first.splitlines())
    assert len(token) >= 40
    assert TokenSettings(name="a", hash=hash, permissions="read")
