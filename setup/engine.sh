#!/usr/bin/env bash
# Makes sure that a Docker engine answers, with the Compose and buildx plugins.
#
# Where they answer it says nothing. On Debian, as root, it installs and starts what is missing.
# Everywhere else it says what is missing and how to get it, and exits with 5.
set -euo pipefail
# shellcheck source=setup/common.sh
. "$(dirname "$0")/common.sh"

readonly MISSING=5                # exit code: the backend that everything needs is not there
readonly COMPOSE_FLOOR=2.24.0     # the first Compose whose override files can !reset a value
readonly ENGINE_FLOOR=25.0        # the first engine that knows a health check's start_interval
readonly NEWER_SUITE=forky        # Debian suite that carries them all; installs on Debian 12 too
readonly START_LIMIT=60           # seconds until a started engine must answer
readonly DAEMON_LOG=/var/log/testbed-dockerd.log
readonly APT_LOG=/var/log/testbed-apt.log
readonly LOCK=/run/testbed-engine.lock
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

give_up() {
    say "$@"
    exit "$MISSING"
}

engine_version() { within 10 docker version --format '{{.Server.Version}}' 2>/dev/null; }
engine_answers() { engine_version >/dev/null; }

plugin_version() { # plugin_version NAME: as the client itself finds it, wherever that is
    within 10 docker "$1" version 2>/dev/null | grep -oE -m 1 '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1
}

plugins_answer() {
    at_least "$COMPOSE_FLOOR" "$(plugin_version compose)" && [[ -n $(plugin_version buildx) ]]
}

all_answer() { # one call, because every command of the project begins with this
    local engine plugins
    read -r engine plugins < <(within 10 docker info --format \
        '{{.ServerVersion}} {{range .ClientInfo.Plugins}}{{.Name}}={{.Version}} {{end}}' \
        2>/dev/null) || return
    [[ " $plugins " =~ \ compose=([^ ]+) ]] || return
    at_least "$ENGINE_FLOOR" "$engine" && at_least "$COMPOSE_FLOOR" "${BASH_REMATCH[1]}" &&
        [[ " $plugins" == *" buildx="* ]]
}

is_root() { [[ $(id -u) -eq 0 ]]; }
has_systemd() { [[ -d /run/systemd/system ]]; }

is_debian() { # testing and unstable have no VERSION_ID
    local version
    version=$(release VERSION_ID)
    [[ $(release ID) == debian ]] && ((${version:-99} >= 12))
}

# --- Installing -----------------------------------------------------------------------------

update_lists() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 \
        -o DPkg::Lock::Timeout=120 update </dev/null >>"$APT_LOG" 2>&1
}

own_source() { # the mirror and the keyring of the machine's own Debian source, in either format
    # shellcheck disable=SC2016  # apt expands these, not the shell
    apt-get indextargets --format '$(RELEASE)|$(REPO_URI)|$(SIGNED_BY)' 'Created-By: Packages' |
        awk -F'|' -v suite="$(release VERSION_CODENAME)" \
            '$1 == suite && !found { print $2 "|" $3; found = 1 }'
}

add_newer_suite() {
    local source mirror keyring
    source=$(own_source)
    if [[ -z $source ]]; then # apt tells of sources only when it has their lists
        update_lists || true
        source=$(own_source)
    fi
    [[ -n $source ]] || give_up "No Debian source for the suite $(release VERSION_CODENAME)" \
        "is set up in /etc/apt: add one, then run this again."
    mirror=${source%%|*}
    keyring=${source#*|}
    [[ -r $keyring ]] || keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    printf '%s\n' "Types: deb" "URIs: $mirror" "Suites: $NEWER_SUITE" "Components: main" \
        "Signed-By: $keyring" >"/etc/apt/sources.list.d/testbed-$NEWER_SUITE.sources"
    # Priority 1: nothing is taken from there unless it is asked for by name.
    printf '%s\n' "Package: *" "Pin: release n=$NEWER_SUITE" "Pin-Priority: 1" \
        >"/etc/apt/preferences.d/testbed-$NEWER_SUITE"
}

packages() {
    local origin=""
    if [[ $(release VERSION_ID) == 12 ]]; then origin=/$NEWER_SUITE; fi
    printf '%s\n' "docker.io$origin" "docker-cli$origin" "docker-compose$origin" \
        "docker-buildx$origin" iptables ca-certificates
}

apt_once() {
    local -a wanted
    IFS=$'\n' read -r -d '' -a wanted < <(packages) || true # it ends without the delimiter
    local -a options=(-q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120)
    apt-get "${options[@]}" update &&
        apt-get "${options[@]}" install --no-install-recommends "${wanted[@]}"
}

install_engine() {
    say "No Docker engine answers: installing engine, Compose and buildx from Debian packages" \
        "(log: $APT_LOG) …"
    if [[ $(release VERSION_ID) == 12 ]]; then add_newer_suite; fi
    local attempt
    for attempt in 1 2 3; do
        # Its output goes to a file: a daemon that a package starts must not keep our pipe open.
        if DEBIAN_FRONTEND=noninteractive apt_once </dev/null >>"$APT_LOG" 2>&1; then return; fi
        say "apt-get failed (attempt $attempt of 3)."
        sleep "$((attempt * 2))"
    done
    tail -n 20 "$APT_LOG" >&2
    give_up "The Docker packages could not be installed; the last lines of $APT_LOG are above."
}

link_plugins() { # for a client that does not look where Debian puts the plugins
    local plugin folder=/usr/local/lib/docker/cli-plugins
    for plugin in /usr/libexec/docker/cli-plugins/* /usr/lib/docker/cli-plugins/*; do
        [[ -x $plugin && ! -e $folder/${plugin##*/} ]] || continue
        mkdir -p "$folder"
        ln -s "$plugin" "$folder/"
    done
}

# --- Starting -------------------------------------------------------------------------------

start_detached() {
    say "Starting the Docker engine (log: $DAEMON_LOG) …"
    (
        # No inherited descriptor: whoever reads our output, or waits for a lock, must not hang.
        for descriptor in /proc/self/fd/*; do
            descriptor=${descriptor##*/}
            if ((descriptor > 2)); then eval "exec $descriptor>&-"; fi
        done
        cd /
        exec setsid --fork dockerd </dev/null >>"$DAEMON_LOG" 2>&1
    )
}

daemon_runs() { # it may be on its way up, started by a package or by someone else
    local process
    process=$(cat /run/docker.pid 2>/dev/null) || return
    [[ $(cat "/proc/$process/comm" 2>/dev/null) == dockerd ]]
}

start_engine() {
    local deadline=$((SECONDS + START_LIMIT))
    if has_systemd; then
        systemctl start docker
    elif ! daemon_runs; then
        start_detached
    fi
    until engine_answers; do
        if ((SECONDS >= deadline)); then
            tail -n 20 "$DAEMON_LOG" >&2 || true
            give_up "The Docker engine did not answer within $START_LIMIT s."
        fi
        sleep 0.1
    done
}

# --- Telling --------------------------------------------------------------------------------

explain() {
    local compose chosen
    chosen=$(chosen_engine)
    compose=$(plugin_version compose) || compose=""
    if ! command -v docker >/dev/null; then
        say "Missing: the Docker client (docker)."
    elif ! engine_answers; then
        say "Missing: a Docker engine that answers this user${chosen:+ ($chosen)}:" \
            "$(within 10 docker version --format '{{.Server.Version}}' 2>&1 | tail -n 1)"
    elif ! at_least "$ENGINE_FLOOR" "$(engine_version)"; then
        say "Too old: Docker engine $(engine_version); at least $ENGINE_FLOOR is needed."
    fi
    at_least "$COMPOSE_FLOOR" "$compose" ||
        say "Missing: Docker Compose $COMPOSE_FLOOR or newer (found: ${compose:-none})."
    [[ -n $(plugin_version buildx) ]] || say "Missing: the Docker buildx plugin."
    give_up "Get it: start Docker Desktop or Colima, or install Docker Engine with the Compose and" \
        "buildx plugins as Docker's manual describes, and let this user use it (group 'docker')." \
        "On Debian 12 or newer, running this as root does it."
}

chosen_engine() { # what chose another engine than the usual one, as the docker command sees it
    local context
    if [[ -n ${DOCKER_HOST:-} ]]; then
        printf 'DOCKER_HOST=%s' "$DOCKER_HOST"
    else
        context=$(docker context show 2>/dev/null) || context=${DOCKER_CONTEXT:-default}
        [[ $context == default ]] || printf 'context %s' "$context"
    fi
}

may_install() { # a remote or rootless engine is not ours to start
    is_root && is_debian && [[ -z $(chosen_engine) ]] && command -v apt-get >/dev/null
}

provide() {
    exec 9>"$LOCK"
    flock 9
    if ! command -v dockerd >/dev/null; then install_engine; fi
    start_engine
    plugins_answer || link_plugins
    if ! plugins_answer; then install_engine && link_plugins; fi
    all_answer || explain
    say "Docker engine $(engine_version) with Compose $(plugin_version compose) answers."
}

if all_answer; then exit 0; fi
may_install || explain
provide
