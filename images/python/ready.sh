#!/usr/bin/env bash
# Ready: the monitor's /readyz answers 200; shows what is not ready. No interpreter, no curl.
set -uo pipefail

exec 3<>/dev/tcp/127.0.0.1/8000 || { echo "not listening"; exit 1; }
printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 4 _ status _ <&3
while read -r -t 1 line <&3 && [[ $line != $'\r' ]]; do :; done
read -r -t 1 body <&3
echo "$status $body"
[[ $status == 200 ]]
