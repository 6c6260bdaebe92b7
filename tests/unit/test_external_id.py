"""Ids that are made of names."""

from __future__ import annotations

import pytest

from runtime import App, Kind
from runtime.errors import UsageError
from runtime.external_id import external_id

app = App()


@app.job
def order(number: int) -> None: ...


def test_the_same_name_of_a_kind_is_the_same_id_for_ever() -> None:
    assert str(external_id("order", "17")) == str(external_id("order@2", "17"))
    assert external_id("order", "17").version == 8
    assert external_id("order", "18") != external_id("order", "17") != external_id("bill", "17")


def test_a_job_is_enqueued_by_the_id_that_others_can_work_out() -> None:
    job = order.with_options(external_id="17").new_job(17)
    assert job.id == order.id_of("17") == Kind("order").id_of("17")
    assert order.new_job(17).id != job.id


@pytest.mark.parametrize("name", ["", "x" * 1001, 17])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="external id is text"):
        order.id_of(name)


def test_one_id_is_enough() -> None:
    with pytest.raises(UsageError, match="both id and external_id"):
        order.with_options(id=order.id_of("1"), external_id="1")
