"""The run page: two mappings of one file see each other's fields."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from runtime.child import page as page_module
from runtime.child.page import PAGE_BYTES, RunPage, anonymous_file, new_page_file

Pages = tuple[RunPage, RunPage]


@pytest.fixture
def pages() -> Iterator[Pages]:
    """The Worker's and the child's."""
    fd = new_page_file()
    both = RunPage(fd), RunPage(fd)
    os.close(fd)
    yield both
    for each in both:
        each.close()


def test_a_new_page_is_all_zero(pages: Pages) -> None:
    worker, _child = pages

    assert worker.epoch == worker.begun_seq == worker.rss_kib == 0
    assert worker.begun == (0, 0)


def test_each_side_sees_what_the_other_wrote(pages: Pages) -> None:
    worker, child = pages
    child.begin(2**63, 2**64 - 1)
    child.rss_kib = 12_345

    assert worker.advance_epoch() == 1
    assert child.epoch == 1
    assert worker.begun == (2**63, 2**64 - 1)
    assert worker.begun_seq == 2**63
    assert worker.rss_kib == 12_345


def test_fields_of_different_writers_are_cache_lines_apart() -> None:
    indices = sorted([page_module._EPOCH, page_module._BEGUN_SEQ])

    assert (indices[1] - indices[0]) * 8 >= 128


def test_without_anonymous_memory_an_unlinked_file_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    fd = new_page_file()
    try:
        page = RunPage(fd)
        page.begin(1, 2)

        assert os.fstat(fd).st_nlink == 0
        assert os.pread(fd, PAGE_BYTES, 0).count(b"\0") == PAGE_BYTES - 2
        page.close()
    finally:
        os.close(fd)


def test_an_anonymous_file_is_not_inherited() -> None:
    fd = anonymous_file("test")
    try:
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)
