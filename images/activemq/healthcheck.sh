#!/usr/bin/env bash
# Succeeds when the broker accepts the monitor's login: a STOMP handshake, not just an open port.
set -euo pipefail

readonly LIMIT=4 # seconds
IFS= read -r password </run/secrets/mq_monitor || [[ -n $password ]]
exec 3<>/dev/tcp/127.0.0.1/61613
printf 'CONNECT\naccept-version:1.2\nhost:testbed\nlogin:monitor\npasscode:%s\n\n\0' "$password" >&3
IFS= read -r -t "$LIMIT" -d '' answer <&3
[[ $answer == CONNECTED* ]]
# Leave as a client does: a cut connection would be noise in the broker's log.
printf 'DISCONNECT\nreceipt:bye\n\n\0' >&3
IFS= read -r -t "$LIMIT" -d '' answer <&3
[[ $answer == *RECEIPT* ]]
