#!/usr/bin/env bash
# Run while the image is built: starts the broker once, uses it a little, and archives the classes
# that it loaded. Without the archive the broker works as well, but starts more slowly.
set -euo pipefail

readonly HOME_FOLDER=/opt/testbed/activemq
readonly SCRATCH=/tmp/rehearsal
readonly LIMIT=60 # seconds

readonly AS_BROKER=(setpriv --reuid 10001 --regid 10001 --clear-groups)

make_secrets() {
    local login
    mkdir -p /run/secrets
    for login in agent monitor supervisor operator; do
        printf 'rehearsal-%s' "$login" >"/run/secrets/mq_$login"
    done
}

wait_until_ready() {
    local deadline=$((SECONDS + LIMIT))
    until "${AS_BROKER[@]}" "$HOME_FOLDER/healthcheck.sh" 2>/dev/null; do
        if ((SECONDS >= deadline)) || ! kill -0 "$broker"; then
            cat "$SCRATCH/log" >&2
            exit 1
        fi
        sleep 0.1
    done
}

frame() { # frame COMMAND HEADER…: sends one STOMP frame without a body
    printf '%s\n' "$@" >&3
    printf '\n\0' >&3
}

use_it() { # what every run does: subscribe, publish, receive, refuse, ask for statistics
    local part
    exec 3<>/dev/tcp/127.0.0.1/61613
    frame CONNECT accept-version:1.2 host:testbed login:monitor passcode:rehearsal-monitor \
        heart-beat:5000,5000
    frame SUBSCRIBE id:1 destination:/queue/Consumer.rehearsal.epictopic ack:client-individual
    frame SUBSCRIBE id:2 destination:/topic/epictopic ack:auto
    frame SUBSCRIBE id:3 destination:/temp-queue/answers ack:auto transformation:jms-map-json
    frame SEND destination:/topic/epictopic persistent:true receipt:sent
    frame SEND 'destination:/queue/ActiveMQ.Statistics.Destination.>' reply-to:/temp-queue/answers
    for part in CONNECTED RECEIPT MESSAGE; do
        while IFS= read -r -t 5 -d '' answer <&3 && [[ $answer != *"$part"* ]]; do :; done
    done
    frame DISCONNECT receipt:bye
    IFS= read -r -t 5 -d '' answer <&3 || true
    exec 3>&-
}

make_secrets
install -d -o 10001 -g 10001 "$SCRATCH"
# Here, and only here, the configuration is checked against its schemas.
ACTIVEMQ_VALIDATE=true \
    JAVA_TOOL_OPTIONS="-XX:ArchiveClassesAtExit=$SCRATCH/classes.jsa -Xlog:cds=error" \
    "${AS_BROKER[@]}" "$HOME_FOLDER/entrypoint.sh" >"$SCRATCH/log" 2>&1 &
broker=$!
wait_until_ready
use_it
kill "$broker"
wait "$broker" || true
[[ -s $SCRATCH/classes.jsa ]] || { cat "$SCRATCH/log" >&2; exit 1; }
install -m 0644 "$SCRATCH/classes.jsa" "$HOME_FOLDER/classes.jsa"
rm -rf "$SCRATCH" /run/secrets /run/activemq/* /var/lib/activemq/* /tmp/hsperfdata*
