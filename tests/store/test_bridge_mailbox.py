"""The mailbox between a listening connection and trio: bounded, and never silently incomplete."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.store.bridge.mailbox import Mailbox
from actors.store.bridge.port import BACK, LOST, Note


def drained(mailbox: Mailbox, at_most: int = 99) -> list[Note]:
    unread = mailbox.receive.statistics().current_buffer_used
    return [mailbox.receive.receive_nowait() for _ in range(min(unread, at_most))]


def test_a_note_that_waits_is_not_put_twice() -> None:
    mailbox = Mailbox()
    for payload in ("a", "b", "a", "a"):
        mailbox.put("wakeup", payload)
    assert drained(mailbox) == [("wakeup", "a"), ("wakeup", "b")]
    mailbox.put("wakeup", "a")
    assert drained(mailbox) == [("wakeup", "a")]


def test_down_and_up_are_told_once_each() -> None:
    mailbox = Mailbox()
    mailbox.set_down(True)
    mailbox.set_down(True)
    mailbox.set_down(False)
    mailbox.set_down(False)
    assert drained(mailbox) == [LOST, BACK]


def test_a_full_mailbox_tells_of_a_loss_once() -> None:
    mailbox = Mailbox(capacity=2)
    for number in range(9):
        mailbox.put("wakeup", str(number))
    assert drained(mailbox) == [("wakeup", "0"), ("wakeup", "1"), LOST, BACK]
    mailbox.put("wakeup", "9")
    assert drained(mailbox) == [("wakeup", "9")]


def test_what_comes_after_the_receiver_has_left_is_dropped() -> None:
    mailbox = Mailbox()
    mailbox.receive.close()
    mailbox.put("wakeup", "")
    mailbox.set_down(True)
    mailbox.close()
    mailbox.put("wakeup", "")


_puts = st.integers(0, 6).map(str)
_actions = st.lists(st.one_of(_puts, st.sampled_from(["down", "up", "receive"])), max_size=60)


@given(_actions)
def test_every_note_is_received_or_followed_by_back(actions: list[str]) -> None:
    """The promise: for each put while up, that note or a BACK is received at or after the put."""
    mailbox = Mailbox(capacity=3)
    owed: set[str] = set()
    down = untold = False

    def see(note: Note) -> None:
        nonlocal untold
        if note == BACK:
            owed.clear()
            untold = False
        else:
            owed.discard(note[1])

    for action in actions:
        if action == "receive":
            for note in drained(mailbox, at_most=1):
                see(note)
        elif action in ("down", "up"):
            untold = untold or (down and action == "up")
            down = action == "down"
            mailbox.set_down(down)
        elif not down:
            owed.add(action)
            mailbox.put("wakeup", action)
    mailbox.set_down(False)
    untold = untold or down
    for note in drained(mailbox):
        see(note)
    assert not owed
    assert not untold
