"""The recorder: the only consumer that writes broker traffic to the database."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from psycopg.errors import DeadlockDetected

from monitor.control.commands import broker
from monitor.recorder import causes
from monitor.recorder.absences import CHECK_INTERVAL_S, Absences
from monitor.recorder.dead_letters import DeadLetterQueues
from monitor.recorder.housekeeping import Housekeeping
from monitor.recorder.intake import Intake
from monitor.recorder.pacing import BatchPacing
from monitor.recorder.reaper import Reaper
from monitor.recorder.reporting import Pace
from monitor.recorder.retention import Retention
from monitor.recorder.storing import Row, dead_letter, read_row, refused, store
from monitor.records.models import DeadLetter
from swf_common.broker.connection import BrokerLink
from swf_common.broker.model import Delivery, Subscription
from swf_common.broker.publisher import Publisher
from swf_common.protocol.destinations import RECORDER, TOPICS, consumer_queue
from swf_common.protocol.message import MalformedMessage
from swf_common.protocol.states import OperationalState
from swf_common.service.state_file import StateFile

log = logging.getLogger(__name__)

BATCH = 1000
PREFETCH = 2 * BATCH
MEGABYTE = 1_000_000
KEPT_BYTES = 24 * MEGABYTE
LETTER_BYTES = 8 * MEGABYTE
BATCH_BYTES = 8 * MEGABYTE
"""Bytes of messages and of dead letters that wait to be stored, and of a batch. A batch is there
six times while it is stored: its texts, each as bytes, these as one array, and libpq's buffer,
which doubles as it grows. Beside that come 90 MB of Python and Django, and what the largest frame
that the broker takes (10 MiB) may need: 40 MB on stomp.py's side, 270 MB to read it as JSON and to
see how deep it nests (a list of empty lists). 24 + 8 + 6 x 8 + 90 + 40 + 270 = 480 MB of the
container's 537 (512 MiB); 479 MB were seen (decision 0024).
"""
ACK_EVERY = 100
"""Messages that one acknowledgement covers: after one for 800, nothing came for 60 to 120 ms."""
REPORT_S = 1.0
CAUSES_S = 2.0
"""Seconds between two looks for the reasons of dead letters."""
QUIET_S = 2.0
STATE_VALID_S = 15.0


class Recorder:
    """Takes messages in batches, commits them, then acknowledges them.

    A batch that cannot be stored because the database is away is tried for ever, and stays
    unacknowledged. A message that the database refuses becomes a dead letter.
    """

    def __init__(self) -> None:
        self.namespace: str = settings.TESTBED_NAMESPACE
        self._changed = threading.Condition()
        self._arrived = Intake(self._changed, KEPT_BYTES, self._held_up)
        self._letters = Intake(self._changed, LETTER_BYTES, self._letters_held_up)
        self._in_hand = False
        self._stopping = False
        self._database_ok = True
        self._publisher = Publisher(broker(), RECORDER)
        self._pace = Pace()
        self._pacing = BatchPacing()
        self._reaper = Reaper(self.namespace, self._publisher, self._caught_up)
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
        self._absences = Absences(broker())
        self._dead_letters = DeadLetterQueues(broker(), self._letters.put, self._letters.clear)
        self._housekeeping = (
            Housekeeping(
                "sweep",
                (self._dead_letters.poll, 0.0),
                (self._reaper.run, 0.0),
                (Retention().run, 0.0),
                database_unavailable=self._reaper.suspend,
            ),
            Housekeeping(
                "watch", (causes.join, CAUSES_S), (self._absences.check, CHECK_INTERVAL_S)
            ),
        )
        self._thread = threading.Thread(target=self._record, name="recorder", daemon=True)

    def start(self) -> None:
        """Connect and begin to record."""
        self._state_file.write(OperationalState.STARTING)
        self._publisher.start()
        self._link.start()
        self._dead_letters.start()
        self._absences.start()
        self._thread.start()
        for housekeeping in self._housekeeping:
            housekeeping.start()

    def check(self) -> None:
        """End the process with an error when one of its threads has died."""
        for name, alive in (
            ("recording", self._thread.is_alive()),
            *((one.name, one.alive) for one in self._housekeeping),
        ):
            if not alive:
                log.critical("the %s thread has died", name)
                os._exit(1)

    def stop(self) -> None:
        """Finish the batch in hand and disconnect."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._arrived.close()
        self._letters.close()
        for housekeeping in self._housekeeping:
            housekeeping.stop()
        self._thread.join(10)
        self._absences.stop()
        self._link.stop()
        self._dead_letters.stop()
        self._publisher.stop()
        self._state_file.write(OperationalState.EXITED)

    def _caught_up(self) -> bool:
        """Whether all that the broker has for the recorder is stored."""
        with self._changed:
            waiting = bool(self._arrived) or self._in_hand
        quiet_s = time.monotonic() - self._last_arrival
        return self._link.connected and not waiting and quiet_s > QUIET_S

    def _take_in(self, delivery: Delivery) -> None:
        self._last_arrival = time.monotonic()
        self._arrived.put(delivery)

    def _held_up(self) -> None:
        self._last_arrival = time.monotonic()
        self._link.held_up()

    def _letters_held_up(self) -> None:
        self._dead_letters.held_up()

    def _link_changed(self, up: bool) -> None:
        if not up:
            self._arrived.clear()  # the broker delivers all of it again

    def _record(self) -> None:
        reported = 0.0
        while True:
            with self._changed:
                self._in_hand = False
                self._changed.wait_for(
                    lambda: self._arrived or self._letters or self._stopping, REPORT_S
                )
                if self._stopping:
                    return
                self._in_hand = True
            if self._arrived or self._letters:
                time.sleep(self._pacing.wait_s)
                self._pacing.begin()
            # one after the other, and in no variable that would keep a batch until the next one
            self._store_messages(self._arrived.take(BATCH, BATCH_BYTES))
            self._store_letters(self._letters.take(BATCH, BATCH_BYTES))
            if time.monotonic() - reported >= REPORT_S:
                reported = time.monotonic()
                self._report()

    def _report(self) -> None:
        """Say how far the recorder is, in the database and to the container's health check."""
        try:
            if self._pace.store(waiting=len(self._arrived)):
                self._database_ok = True
        except (OperationalError, InterfaceError) as error:
            self._database_unavailable(error)
        ready = self._link.connected and self._database_ok
        self._state_file.write(OperationalState.READY if ready else OperationalState.STARTING)

    def _store_letters(self, letters: list[Delivery]) -> None:
        if letters and self._store_for_ever([], [dead_letter(delivery) for delivery in letters]):
            for delivery in letters:
                self._dead_letters.ack(delivery)

    def _store_messages(self, batch: list[Delivery]) -> None:
        if not batch:
            return
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
                self._database_unavailable(error)
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

    def _database_unavailable(self, error: Exception) -> None:
        log.error("the database is away: %s", str(error).strip().splitlines()[:1])
        self._database_ok = False
        self._reaper.suspend()
        connection.close()


def acknowledgements(batch: list[Delivery]) -> Iterator[Delivery]:
    """The deliveries whose acknowledgement covers a batch, of each subscription apart, since one
    covers all earlier ones of its subscription.
    """
    for first in range(0, len(batch), ACK_EVERY):
        piece = batch[first : first + ACK_EVERY]
        yield from {delivery.headers.get("subscription"): delivery for delivery in piece}.values()
