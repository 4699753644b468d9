"""Tests the thread that writes batches. `test_group_commit` has the rest of its behaviour."""

import threading
import time
from collections.abc import Callable, Sequence

from services.database.batch_writer import BatchWriter

FOREVER = 60.0


class Book:
    """Keeps batches and failures. It waits for `may_go`, and fails for a negative number."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failed: list[tuple[list[int], str]] = []
        self.is_writing, self.may_go = threading.Event(), threading.Event()
        self.may_go.set()

    def write(self, batch: Sequence[int]) -> None:
        self.is_writing.set()
        assert self.may_go.wait(FOREVER)
        if min(batch) < 0:
            raise ValueError("negative")
        self.batches.append(list(batch))

    def fail(self, batch: Sequence[int], error: Exception) -> None:
        self.failed.append((list(batch), str(error)))


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + FOREVER
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_batch_is_what_arrived_while_the_last_one_was_written() -> None:
    book = Book()
    writer = BatchWriter(book.write, book.fail, name="test", largest_batch=4)
    book.may_go.clear()
    writer.start()
    writer.add(0)
    assert book.is_writing.wait(FOREVER)
    for number in range(1, 7):
        writer.add(number)
    book.may_go.set()
    writer.stop()
    assert book.batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_items_with_patience_wait_for_one_without() -> None:
    book = Book()
    writer = BatchWriter(book.write, book.fail, name="test")
    writer.start()
    writer.add(1, patience=FOREVER)
    writer.add(2, patience=FOREVER)
    assert not book.is_writing.wait(0.05)
    writer.add(3)
    wait_until(lambda: book.batches == [[1, 2, 3]])
    writer.add(4, patience=FOREVER)
    writer.stop()
    assert book.batches == [[1, 2, 3], [4]], "stopping writes what waits, at once"


def test_items_are_written_when_their_patience_ends() -> None:
    book = Book()
    writer = BatchWriter(book.write, book.fail, name="test")
    writer.start()
    writer.add(1, patience=0.01)
    wait_until(lambda: book.batches == [[1]])
    writer.stop()


def test_the_least_patient_item_says_when_all_are_written() -> None:
    book = Book()
    writer = BatchWriter(book.write, book.fail, name="test")
    writer.start()
    writer.add(1, patience=FOREVER)
    writer.add(2, patience=0.01)
    writer.add(3, patience=FOREVER)
    wait_until(lambda: book.batches == [[1, 2, 3]])
    writer.stop()


def test_a_bad_item_fails_alone_and_the_others_keep_their_order() -> None:
    book = Book()
    writer = BatchWriter(book.write, book.fail, name="test")
    for number in (1, 2, -3, 4, 5):
        writer.add(number)
    writer.start()
    writer.stop()
    assert [number for batch in book.batches for number in batch] == [1, 2, 4, 5]
    assert book.failed == [([-3], "negative")]


def test_a_batch_fails_as_a_whole_by_an_error_that_every_item_would_meet() -> None:
    book = Book()
    writer = BatchWriter(book.write, book.fail, name="test", gives_up_on=(ValueError,))
    for number in (1, -2, 3):
        writer.add(number)
    writer.start()
    writer.stop()
    assert book.batches == []
    assert book.failed == [([1, -2, 3], "negative")]


def test_an_item_is_refused_while_as_many_wait_as_may() -> None:
    book = Book()
    writer = BatchWriter(book.write, book.fail, name="test")
    assert [writer.add(number, most=2) for number in (1, 2, 3)] == [True, True, False]
    writer.start()
    writer.stop()
    assert book.batches == [[1, 2]]
