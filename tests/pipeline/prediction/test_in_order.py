"""Work in threads: in order, not far ahead, and of equal images the first is predicted."""

import threading
import time

import pytest

from isnet_cxr.pipeline.prediction.claims import Claims
from isnet_cxr.pipeline.prediction.in_order import in_order


def nothing() -> None:
    """Begin a thread."""


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers):
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number

    done = in_order(slow_first, range(20), workers=workers, ahead=3, start=nothing)
    assert list(done) == list(range(20))


@pytest.mark.parametrize("workers", [1, 3])
def test_items_are_not_taken_far_ahead_of_results(workers):
    taken = []

    def items():
        for number in range(50):
            taken.append(number)
            yield number

    for result in in_order(lambda number: number, items(), workers=workers, ahead=2, start=nothing):
        assert taken[-1] <= result + workers + 2


def test_an_error_ends_the_work_and_is_raised():
    done = []

    def work(number: int) -> int:
        if number == 3:
            raise OSError(28, "no room")
        done.append(number)
        return number

    with pytest.raises(OSError, match="no room"):
        list(in_order(work, range(100), workers=2, ahead=2, start=nothing))
    assert len(done) < 10


def test_a_later_file_of_the_same_pixels_is_a_duplicate():
    claims = Claims(lambda _: False)
    assert claims.take("aa", 1)
    claims.leave("aa", 1, predicted=True)
    assert not claims.take("aa", 2)
    assert claims.take("bb", 3)


def test_an_earlier_file_that_was_read_later_is_predicted_after_the_other():
    claims, order = Claims(lambda _: False), []
    assert claims.take("aa", 2)

    def earlier() -> None:
        assert claims.take("aa", 1)
        order.append(1)
        claims.leave("aa", 1, predicted=True)

    thread = threading.Thread(target=earlier)
    thread.start()
    time.sleep(0.05)
    order.append(2)
    claims.leave("aa", 2, predicted=True)
    thread.join(timeout=10)
    assert order == [2, 1]
    assert not claims.take("aa", 3)


def test_after_one_that_was_not_predicted_the_next_is():
    claims = Claims(lambda _: False)
    assert claims.take("aa", 1)
    claims.leave("aa", 1, predicted=False)
    assert claims.take("aa", 2)


def test_what_is_kept_is_a_duplicate_of_it():
    kept = {"aa"}
    claims = Claims(kept.__contains__)
    assert not claims.take("aa", 1)
    assert claims.take("bb", 2)
    claims.leave("bb", 2, predicted=True)
    kept.add("bb")
    claims.forget(["bb"])
    assert not claims.take("bb", 3)
