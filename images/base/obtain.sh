#!/usr/bin/env bash
# Prints the name of the image that the project's Dockerfiles build on, and obtains it when missing.
#
# BASE_IMAGE names another one. Otherwise: the project's own if it was made before, else the
# registry's, else, where no registry answers and this is Debian with root, one made by mmdebstrap.
set -euo pipefail

readonly MISSING=5
readonly SUITE=trixie
readonly OWN=testbed/base:$SUITE
readonly OFFICIAL=debian:$SUITE-slim
readonly PULL_LIMIT=120                  # seconds
readonly LOG=/var/log/testbed-base-image.log

say() { printf '%s\n' "$*" >&2; }

give_up() {
    say "$@"
    exit "$MISSING"
}

present() { docker image inspect --format '{{.Id}}' "$1" >/dev/null 2>&1; }

pull() {
    say "Pulling the base image $OFFICIAL …"
    timeout "$PULL_LIMIT" docker pull -q "$OFFICIAL" >/dev/null 2>&1
}

own_release() { # the suite that the machine's own Debian source names
    # shellcheck source=/dev/null
    (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
}

own_sources() { # own_sources SUITE: mirror and keyring of the machine's own Debian source
    # shellcheck disable=SC2016  # apt expands these, not the shell
    apt-get indextargets --format '$(RELEASE)|$(REPO_URI)|$(SIGNED_BY)' 'Created-By: Packages' |
        awk -F'|' -v suite="$1" '$1 == suite && !found { print $2 "|" $3; found = 1 }'
}

wanted_sources() { # the same mirrors for our suite, its updates and its security fixes
    local part source
    for part in "" -updates -security; do
        source=$(own_sources "$(own_release)$part")
        [[ -z $source ]] || printf 'deb %s %s main\n' "${source%%|*}" "$SUITE$part"
    done
}

own_keyring() {
    local source keyring
    source=$(own_sources "$(own_release)")
    keyring=${source#*|}
    [[ -r $keyring ]] || keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    printf '%s' "$keyring"
}

update_lists() { apt-get -q -o DPkg::Lock::Timeout=120 update </dev/null >>"$LOG" 2>&1; }

may_bootstrap() {
    [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null || return
    # apt tells of sources only when it has their lists.
    [[ -n $(wanted_sources) ]] || { update_lists && [[ -n $(wanted_sources) ]]; }
}

install_mmdebstrap() {
    local attempt
    for attempt in 1 2 3; do
        if DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 \
            -o DPkg::Lock::Timeout=120 install --no-install-recommends mmdebstrap \
            </dev/null >>"$LOG" 2>&1; then return; fi
        sleep "$attempt"
        update_lists || true
    done
    tail -n 20 "$LOG" >&2
    give_up "mmdebstrap could not be installed; the last lines of $LOG are above."
}

bootstrap() {
    local -a sources
    say "No registry answers: making the base image $OWN from Debian packages …"
    command -v mmdebstrap >/dev/null || install_mmdebstrap
    mapfile -t sources < <(wanted_sources)
    # docker import makes no image of a broken stream: pipefail sees either side fail.
    mmdebstrap --quiet --variant=minbase --include=ca-certificates \
        --keyring="$(own_keyring)" --aptopt='Acquire::Retries "3"' \
        "$SUITE" - "${sources[@]}" 2>>"$LOG" |
        docker import --change 'CMD ["bash"]' - "$OWN" >/dev/null || {
        tail -n 20 "$LOG" >&2
        give_up "The base image could not be made; the last lines of $LOG are above."
    }
}

obtain() {
    if [[ -n ${BASE_IMAGE:-} ]]; then
        printf '%s\n' "$BASE_IMAGE"
    elif present "$OWN"; then
        printf '%s\n' "$OWN"
    elif present "$OFFICIAL" || pull; then
        printf '%s\n' "$OFFICIAL"
    elif may_bootstrap; then
        bootstrap
        printf '%s\n' "$OWN"
    else
        give_up "The base image $OFFICIAL cannot be pulled here, and making one takes Debian and" \
            "root. Set BASE_IMAGE to an image that you have (Debian $SUITE)."
    fi
}

obtain
