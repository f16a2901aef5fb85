"""The recorder: the only consumer that writes broker traffic to the database."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from psycopg.errors import DeadlockDetected

from monitor.control.commands import broker
from monitor.recorder import causes
from monitor.recorder.absences import EVERY_S, Absences
from monitor.recorder.dead_letters import DeadLetterQueues
from monitor.recorder.reporting import Pace
from monitor.recorder.retention import Retention
from monitor.recorder.storing import Row, dead_letter, read_row, refused, store
from monitor.recorder.sweep import Sweep
from monitor.recorder.watch import LOOK_S, Watch
from monitor.records.models import DeadLetter
from testbed.protocol.destinations import RECORDER, TOPICS, consumer_queue
from testbed.protocol.link import BrokerLink, Delivery, Subscription
from testbed.protocol.messages import MalformedMessage
from testbed.protocol.publisher import Publisher
from testbed.protocol.state_file import StateFile
from testbed.protocol.states import OperationalState

log = logging.getLogger(__name__)

BATCH = 1000
PREFETCH = 2 * BATCH
ACK_EVERY = 100
"""Messages that one acknowledgement covers: after one for 800, nothing came for 60 to 120 ms."""
SWEEP_S = 1.0
QUIET_S = 2.0
STATE_VALID_S = 15.0


class Recorder:
    """Takes messages in batches, commits them, then acknowledges them.

    A batch that cannot be stored because the database is away is tried for ever, and stays
    unacknowledged. A message that the database refuses becomes a dead letter.
    """

    def __init__(self) -> None:
        self.namespace: str = settings.TESTBED_NAMESPACE
        self._arrived: deque[Delivery] = deque()
        self._letters: deque[Delivery] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._idle = False
        self._database_ok = True
        self._publisher = Publisher(broker(), RECORDER)
        self._pace = Pace()
        self._retention = Retention()
        self._sweep = Sweep(self.namespace, self._publisher, self._caught_up)
        self._last_arrival = time.monotonic()
        self._state_file = StateFile(settings.TESTBED_STATE_FILE, STATE_VALID_S)
        self._link = BrokerLink(
            broker(),
            RECORDER,
            (
                *(
                    Subscription(
                        consumer_queue(self.namespace, RECORDER, topic), PREFETCH, ack="client"
                    )
                    for topic in TOPICS
                ),
            ),
            on_message=self._take_in,
            on_state=self._link_changed,
        )
        self._dead_letters = DeadLetterQueues(broker(), self._take_letter, self._forget_letters)
        self._absences = Absences(broker())
        self._watch = Watch((causes.join, LOOK_S), (self._absences.look, EVERY_S))
        self._thread = threading.Thread(target=self._record, name="recorder", daemon=True)

    def start(self) -> None:
        """Connect and begin to record."""
        self._state_file.write(OperationalState.STARTING)
        self._publisher.start()
        self._link.start()
        self._dead_letters.start()
        self._absences.start()
        self._thread.start()
        self._watch.start()

    def check(self) -> None:
        """End the process with an error when the recording thread has died."""
        if not self._thread.is_alive():
            log.critical("the recording thread has died")
            os._exit(1)

    def stop(self) -> None:
        """Finish the batch in hand and disconnect."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(10)
        self._watch.stop()
        self._absences.stop()
        self._link.stop()
        self._dead_letters.stop()
        self._publisher.stop()
        self._state_file.write(OperationalState.EXITED)

    def _caught_up(self) -> bool:
        """Whether all that the broker has for the recorder is stored."""
        quiet_s = time.monotonic() - self._last_arrival
        return self._link.connected and not self._arrived and quiet_s > QUIET_S

    def _take_in(self, delivery: Delivery) -> None:
        self._last_arrival = time.monotonic()
        self._arrived.append(delivery)
        if self._idle:  # waking is dear, and most messages find the recorder at work
            with self._changed:
                self._changed.notify()

    def _take_letter(self, delivery: Delivery) -> None:
        with self._changed:
            self._letters.append(delivery)
            self._changed.notify()

    def _forget_letters(self) -> None:
        with self._changed:
            self._letters.clear()  # they are delivered again

    def _link_changed(self, up: bool) -> None:
        if not up:
            with self._changed:
                self._arrived.clear()  # the broker delivers all of it again

    def _record(self) -> None:
        swept = 0.0
        while True:
            with self._changed:
                self._idle = True
                self._changed.wait_for(
                    lambda: self._arrived or self._letters or self._stopping, SWEEP_S
                )
                self._idle = False
                if self._stopping:
                    return
                batch = _take(self._arrived)
                letters = _take(self._letters)
            if batch:
                self._store_messages(batch)
            if letters:
                self._store_letters(letters)
            if time.monotonic() - swept >= SWEEP_S:
                swept = time.monotonic()
                self._look_after()

    def _look_after(self) -> None:
        self._dead_letters.look()
        try:
            self._sweep.run()
            self._retention.run()
            self._pace.store(waiting=len(self._arrived))
            self._database_ok = True
        except (OperationalError, InterfaceError) as error:
            self._database_away(error)
        ready = self._link.connected and self._database_ok
        self._state_file.write(OperationalState.READY if ready else OperationalState.STARTING)

    def _store_letters(self, letters: list[Delivery]) -> None:
        if self._store_for_ever([], [dead_letter(delivery) for delivery in letters]):
            for delivery in letters:
                self._dead_letters.ack(delivery)

    def _store_messages(self, batch: list[Delivery]) -> None:
        rows: list[Row] = []
        dead: list[DeadLetter] = []
        for delivery in batch:
            self._sort(delivery, rows, dead)
        foreign = len(batch) - len(rows) - len(dead)
        if not self._store_for_ever(rows, dead, foreign, len(dead)):
            return
        if rows:
            self._pace.add(len(rows), (datetime.now(UTC) - rows[-1].sent_at).total_seconds())
        for delivery in acknowledgements(batch):
            self._link.ack(delivery)

    def _sort(self, delivery: Delivery, rows: list[Row], dead: list[DeadLetter]) -> None:
        try:
            row = read_row(delivery)
        except MalformedMessage as error:
            log.error("a message on %s: %s", delivery.headers.get("destination"), error)
            dead.append(dead_letter(delivery, str(error)))
            return
        if row.namespace in (None, self.namespace):
            rows.append(row)

    def _store_for_ever(
        self, rows: list[Row], dead: list[DeadLetter], foreign: int = 0, malformed: int = 0
    ) -> bool:
        """Store, however long the database is away; False when the recorder is stopped first."""
        pause = 0.1
        while not self._stopping:
            try:
                self._store(rows, dead, foreign, malformed)
                return True
            except (OperationalError, InterfaceError) as error:
                if isinstance(error.__cause__, DeadlockDetected):
                    log.warning("another writer was in the way; trying again")
                    continue
                self._database_away(error)
                time.sleep(pause)
                pause = min(pause * 2, 2.0)
        return False

    def _store(
        self, rows: list[Row], dead: list[DeadLetter], foreign: int = 0, malformed: int = 0
    ) -> None:
        try:
            store(rows, dead, foreign, malformed)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if len(rows) + len(dead) <= 1:
                log.exception("a message cannot be stored")
                kept = [refused(row, str(error)) for row in rows]
                store([], kept + [refused(letter, str(error)) for letter in dead])
                return
            log.warning("a batch cannot be stored (%s); storing one by one", error)
            for row in rows:
                self._store([row], [])
            for letter in dead:
                self._store([], [letter])
            store([], [], foreign, malformed)

    def _database_away(self, error: Exception) -> None:
        log.error("the database is away: %s", str(error).strip().splitlines()[:1])
        self._database_ok = False
        self._sweep.suspend()
        connection.close()
        close_old_connections()


def _take(arrived: deque[Delivery]) -> list[Delivery]:
    """The oldest deliveries, at most a batch of them."""
    return [arrived.popleft() for _ in range(min(BATCH, len(arrived)))]


def acknowledgements(batch: list[Delivery]) -> Iterator[Delivery]:
    """The deliveries whose acknowledgement covers a batch, of each subscription apart, since one
    covers all earlier ones of its subscription.
    """
    for first in range(0, len(batch), ACK_EVERY):
        piece = batch[first : first + ACK_EVERY]
        yield from {delivery.headers.get("subscription"): delivery for delivery in piece}.values()
