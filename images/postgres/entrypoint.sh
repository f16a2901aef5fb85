#!/usr/bin/env bash
# Initialises the data folder when it is new and becomes the server.
#
# Follows the official image: POSTGRES_USER, POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE,
# POSTGRES_DB, PGDATA, /docker-entrypoint-initdb.d/*.sql, the command's arguments to the server.
set -euo pipefail

readonly USER_NAME=${POSTGRES_USER:-postgres}
readonly DATABASE=${POSTGRES_DB:-$USER_NAME}
readonly SCRIPTS=/docker-entrypoint-initdb.d
# Present from the first step of the initialisation to the last: what a killed container leaves
# behind is told apart from somebody's data by it.
readonly UNFINISHED=$PGDATA/.initialising

say() { printf 'postgres: %s\n' "$*" >&2; }

give_up() {
    say "$@"
    exit 1
}

read_password() {
    if [[ -n ${POSTGRES_PASSWORD_FILE:-} ]]; then
        [[ -r $POSTGRES_PASSWORD_FILE ]] ||
            give_up "$POSTGRES_PASSWORD_FILE is missing or not readable by user $(id -u)"
        IFS= read -r password <"$POSTGRES_PASSWORD_FILE" || true
    else
        password=${POSTGRES_PASSWORD:-}
    fi
    [[ -n $password ]] || give_up "set POSTGRES_PASSWORD_FILE (or POSTGRES_PASSWORD) to a password"
}

quoted() { printf '"%s"' "${1//\"/\"\"}"; } # an SQL identifier

make_cluster() { # nothing is flushed yet: an interrupted initialisation starts again anyway
    initdb --pgdata="$UNFINISHED" --username="$USER_NAME" --pwfile=<(printf '%s\n' "$password") \
        --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C.UTF-8 \
        --auth-local=trust --auth-host=scram-sha-256 --no-sync --no-instructions \
        --set=listen_addresses='*' --set=password_encryption=scram-sha-256 >/dev/null
    # Trust only on the socket, which nobody outside the container reaches.
    printf 'host all all all scram-sha-256\n' >>"$UNFINISHED/pg_hba.conf"
}

make_database() { # in single-user mode: no server, so nobody can take it for ready
    [[ $DATABASE != postgres ]] || return 0
    printf 'CREATE DATABASE %s\n' "$(quoted "$DATABASE")" |
        postgres --single -F -D "$UNFINISHED" postgres >/dev/null
}

run_scripts() { # by a server without TCP, on a socket of its own
    local scripts=("$SCRIPTS"/*.sql) sockets
    [[ -e ${scripts[0]} ]] || return 0
    sockets=$(mktemp -d)
    pg_ctl --pgdata="$UNFINISHED" --silent --wait --log=/dev/stderr \
        --options="-F -c listen_addresses='' -c unix_socket_directories='$sockets'" start
    for script in "${scripts[@]}"; do
        say "running $script"
        psql --host="$sockets" --username="$USER_NAME" --dbname="$DATABASE" --no-psqlrc --quiet \
            --set=ON_ERROR_STOP=1 --file="$script"
    done
    pg_ctl --pgdata="$UNFINISHED" --silent --wait --mode=fast stop
    rmdir "$sockets"
}

move_in() { # PG_VERSION last: with it the data folder counts as complete
    local entry
    initdb --sync-only --pgdata="$UNFINISHED" >/dev/null
    for entry in "$UNFINISHED"/*; do
        [[ ${entry##*/} == PG_VERSION ]] || mv "$entry" "$PGDATA/"
    done
    mv "$UNFINISHED/PG_VERSION" "$PGDATA/"
    sync "$PGDATA"
}

clear_remains() {
    local entry
    [[ -d $UNFINISHED ]] || return 0
    say "the last initialisation was interrupted: starting again"
    for entry in "$PGDATA"/*; do
        [[ ${entry##*/} == lost+found ]] || rm -rf "$entry"
    done
    rm -rf "$UNFINISHED"
}

refuse_foreign_data() {
    local found
    found=$(find "$PGDATA" -mindepth 1 -maxdepth 1 ! -name lost+found | head -n 3)
    [[ -z $found ]] || give_up "$PGDATA is not empty and is no database: $found"
}

initialise() {
    read_password
    mkdir -p "$PGDATA"
    clear_remains
    refuse_foreign_data
    mkdir -m 0700 "$UNFINISHED"
    make_cluster
    make_database
    run_scripts
    move_in
}

# The testbed's own settings; arguments of the command override them. None of them puts a commit at
# risk.
readonly SETTINGS=(
    -c jit=off                 # short queries pay more for the compiler than it saves them
    -c wal_level=minimal       # nothing is replicated
    -c max_wal_senders=0
    -c wal_compression=lz4     # of whole pages, behind each checkpoint
    -c shared_buffers=64MB     # the rest is in the kernel's cache, which gives memory back
    -c bgwriter_delay=1s       # both writers wake five times a second by default, mostly for nothing;
    -c wal_writer_delay=1s     # a commit writes its own log
)

if (($# == 0)) || [[ $1 == -* ]]; then set -- postgres "$@"; fi
if [[ $1 == postgres ]]; then
    if [[ ! -s $PGDATA/PG_VERSION ]]; then initialise; fi
    if [[ -d $UNFINISHED ]]; then rmdir "$UNFINISHED"; fi
    shift
    set -- postgres "${SETTINGS[@]}" "$@"
fi
exec "$@"
