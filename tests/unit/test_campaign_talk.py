"""What the campaigns' proxy understands of PostgreSQL's protocol."""

from __future__ import annotations

import pytest

from runtime import sql
from runtime.client.statements import enqueue_statement
from runtime.payload import DEFAULT_LIMITS
from scripts.campaigns.talk import CONNECT, Answer, Talk, name_of
from scripts.campaigns.weather import Comeback

OPENING = (12).to_bytes(4) + (196_608).to_bytes(4) + b"a\0b\0"
READY = b"Z\0\0\0\5I"


def message(kind: str, body: bytes) -> bytes:
    return kind.encode() + (len(body) + 4).to_bytes(4) + body


def opened() -> Talk:
    talk = Talk()
    assert talk.asked(OPENING) == []
    assert talk.answered(READY) == [Answer(CONNECT, 0, False)]
    return talk


def prepare(name: bytes, text: str) -> bytes:
    return message("P", name + b"\0" + text.encode() + b"\0\0\0") + message("H", b"")


def run(name: bytes) -> bytes:
    bind = message("B", b"\0" + name + b"\0" + bytes(6))
    return bind + message("E", bytes(5)) + message("S", b"")


def answer(tag: bytes) -> bytes:
    return message("2", b"") + message("C", tag + b"\0") + READY


def test_a_prepared_statement_is_known_when_it_runs() -> None:
    talk = opened()
    assert talk.asked(prepare(b"one", sql.load("claim"))) == []
    assert talk.asked(prepare(b"two", sql.load("renew"))) == []
    assert talk.asked(run(b"two")) == ["renew"]
    assert talk.answered(answer(b"UPDATE 1")) == [Answer("renew", 1, False)]
    assert talk.asked(run(b"one")) == ["claim"]
    assert talk.answered(answer(b"UPDATE 12")) == [Answer("claim", 12, False)]
    assert talk.names == {"claim", "renew"}


def test_a_simple_query_is_known_by_its_first_word() -> None:
    talk = opened()
    assert talk.asked(message("Q", b"COMMIT;\0")) == ["COMMIT"]
    assert talk.answered(answer(b"COMMIT")) == [Answer("COMMIT", 0, False)]


def test_bytes_may_come_one_by_one() -> None:
    stream = OPENING + prepare(b"one", sql.load("claim")) + run(b"one")
    talk = Talk()
    asked = [name for byte in stream for name in talk.asked(bytes([byte]))]
    told = [each for byte in READY + answer(b"UPDATE 3") for each in talk.answered(bytes([byte]))]
    assert asked == ["claim"]
    assert told == [Answer(CONNECT, 0, False), Answer("claim", 3, False)]


def test_a_refusal_is_told_and_forgotten() -> None:
    talk = opened()
    for tag, failed in ((message("E", b"no\0"), True), (message("C", b"BEGIN\0"), False)):
        talk.asked(message("Q", b"BEGIN\0"))
        assert talk.answered(tag + READY) == [Answer("BEGIN", 0, failed)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (sql.load("ack_completed"), "ack_completed"),
        (enqueue_statement("headrace", DEFAULT_LIMITS), "client_enqueue"),
        ('LISTEN "headrace.wakeup"', "LISTEN"),
        ("  begin;", "BEGIN"),
        ("", ""),
    ],
)
def test_statements_have_the_names_of_their_files_or_their_first_word(text: str, name: str) -> None:
    assert name_of(text) == name


@pytest.mark.parametrize(
    ("heard", "is_back"),
    [
        ([], False),
        ([Answer("claim", 2, False)], False),
        ([Answer("ack_completed", 1, False)], False),
        ([Answer("claim", 2, False), Answer("ack", 1, False)], True),
        ([Answer("claim", 0, False)], False),
        ([Answer("join", 1, False), Answer("claim", 0, False)], True),
        ([Answer("renew", 1, False), Answer("claim", 0, False)], True),
        ([Answer("renew", 0, False), Answer("claim", 0, False)], False),
        ([Answer("renew", 1, False), Answer("claim", 0, True)], False),
    ],
)
def test_a_node_is_back_when_it_has_a_lease_and_works_or_finds_nothing(
    heard: list[Answer], is_back: bool
) -> None:
    comeback = Comeback()
    for each in heard:
        comeback.hear(each)
    assert comeback.done is is_back


def test_a_producer_is_back_when_an_enqueue_was_confirmed() -> None:
    comeback = Comeback(is_client=True)
    comeback.hear(Answer("BEGIN", 0, False))
    assert not comeback.done
    comeback.hear(Answer("COMMIT", 0, False))
    assert comeback.done
