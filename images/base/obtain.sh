#!/usr/bin/env bash
# Prints the name of the image that the project's Dockerfiles build on, and obtains it when missing.
#
# TESTBED_BASE_IMAGE names another one. Otherwise: the project's own if it was made before, else the
# registry's, else, where no registry answers and this is Debian with root, one made by mmdebstrap.
set -euo pipefail
# shellcheck source=setup/common.sh
. "$(dirname "$0")/../../setup/common.sh"

readonly MISSING=5
readonly SUITE=trixie
readonly OWN=testbed/base:$SUITE
readonly OFFICIAL=debian:$SUITE-slim
readonly PULL_LIMIT=120                  # seconds
readonly LOG=/var/log/testbed-base-image.log

give_up() {
    say "$@"
    exit "$MISSING"
}

need_engine() {
    local answer
    answer=$(within 10 docker version --format '{{.Server.Version}}' 2>&1) ||
        give_up "No Docker engine answers: $(tail -n 1 <<<"$answer")"
}

present() { docker image inspect --format '{{.Id}}' "$1" >/dev/null 2>&1; }

pull_error=""
pull() { # what was wrong stays in pull_error
    local code=0
    say "Pulling the base image $OFFICIAL …"
    pull_error=$(within "$PULL_LIMIT" docker pull -q "$OFFICIAL" 2>&1 >/dev/null) || code=$?
    case $code in
        0) return 0 ;;
        124 | 142) pull_error="not pulled within $PULL_LIMIT s${pull_error:+; $pull_error}" ;;
    esac
    say "It cannot be pulled: $pull_error"
    return 1
}

own_sources() { # own_sources SUITE: mirror and keyring of the machine's own Debian source
    # shellcheck disable=SC2016  # apt expands these, not the shell
    apt-get indextargets --format '$(RELEASE)|$(REPO_URI)|$(SIGNED_BY)' 'Created-By: Packages' |
        awk -F'|' -v suite="$1" '$1 == suite && !found { print $2 "|" $3; found = 1 }'
}

wanted_sources() { # the same mirrors for our suite, its updates and its security fixes
    local part source
    for part in "" -updates -security; do
        source=$(own_sources "$(release VERSION_CODENAME)$part")
        [[ -z $source ]] || printf 'deb %s %s main\n' "${source%%|*}" "$SUITE$part"
    done
}

own_keyring() {
    local source keyring
    source=$(own_sources "$(release VERSION_CODENAME)")
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
    say "Making the base image $OWN from Debian packages instead …"
    command -v mmdebstrap >/dev/null || install_mmdebstrap
    IFS=$'\n' read -r -d '' -a sources < <(wanted_sources) || true # it ends without the delimiter
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
    if [[ -n ${TESTBED_BASE_IMAGE:-} ]]; then
        printf '%s\n' "$TESTBED_BASE_IMAGE"
        return
    fi
    need_engine
    if present "$OWN"; then
        printf '%s\n' "$OWN"
    elif present "$OFFICIAL" || pull; then
        printf '%s\n' "$OFFICIAL"
    elif may_bootstrap; then
        bootstrap
        printf '%s\n' "$OWN"
    else
        give_up "The base image $OFFICIAL cannot be pulled, and making one instead takes Debian" \
            "and root. Mend what the pull says above (network, the engine's proxy, docker login)," \
            "or set TESTBED_BASE_IMAGE to an image that you have (Debian $SUITE)."
    fi
}

obtain
