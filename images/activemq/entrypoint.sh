#!/usr/bin/env bash
# Hands the logins' passwords to the broker and becomes the broker.
set -euo pipefail

readonly HOME_FOLDER=/opt/testbed/activemq
readonly LOGINS=/run/activemq/logins.properties
readonly LEGACY=${TESTBED_LEGACY_LOGIN:-false}
readonly ARCHIVE=$HOME_FOLDER/classes.jsa
readonly LEAST_LENGTH=8
readonly KNOWN=" admin activemq artemis changeme password passcode testbed manager system "

give_up() {
    printf 'activemq: %s\n' "$*" >&2
    exit 1
}

read_password() { # read_password LOGIN: sets $password
    local file=/run/secrets/mq_$1
    [[ -r $file ]] || give_up "the secret $file is missing or not readable by user $(id -u)"
    IFS= read -r password <"$file" || [[ -n $password ]] || give_up "the secret $file is empty"
    ((${#password} >= LEAST_LENGTH)) ||
        give_up "the password in $file is shorter than $LEAST_LENGTH"
    [[ $KNOWN != *" ${password,,} "* ]] || give_up "the password in $file is a well-known one"
    # The broker would take a backslash or a dollar sign for syntax of its own.
    [[ $password != *[!A-Za-z0-9._~+/=@%:,-]* ]] ||
        give_up "the password in $file may only hold letters, digits and ._~+/=@%:,-"
}

logins() {
    printf '%s\n' agent monitor supervisor operator
    if [[ $LEGACY == true ]]; then printf 'legacy\n'; fi
}

write_logins() {
    local login password
    umask 077
    for login in $(logins); do
        read_password "$login"
        printf '%s=%s\n' "$login" "$password"
    done >"$LOGINS"
}

write_configuration() { # the image's, and with the opt-in login when it is wanted: sets $config
    config=$HOME_FOLDER/activemq.xml
    [[ $LEGACY == true ]] || return 0
    local user='<authenticationUser username="legacy" groups="agents,operators"'
    user+=" password=\"\${legacy}\"/>"
    sed "s|</users>|$user</users>|" "$config" >/run/activemq/activemq.xml
    config=/run/activemq/activemq.xml
}

class_path() { # the broker's parts that are used, and no others
    local jars=/usr/share/java part path=
    for part in activemq-client activemq-broker activemq-console activemq-kahadb-store \
        activemq-stomp activemq-jaas activemq-openwire-legacy activemq-spring \
        activemq-protobuf hawtbuf \
        geronimo-jms_1.1_spec geronimo-j2ee-management-1.1-spec geronimo-jta-1.2-spec \
        slf4j-api slf4j-log4j12 log4j-1.2 jcl-over-slf4j \
        spring3-core spring3-beans spring3-context spring3-aop spring3-expression xbean-spring \
        xstream jettison xpp3 jackson-core jackson-databind jackson-annotations; do
        path+=:$jars/$part.jar
    done
    printf '%s' "${path#:}"
}

[[ $LEGACY == true || $LEGACY == false ]] ||
    give_up "TESTBED_LEGACY_LOGIN is '$LEGACY'; it may be true or false"
write_logins
write_configuration
archive=()
if [[ -r $ARCHIVE ]]; then archive=(-XX:SharedArchiveFile="$ARCHIVE"); fi
# Most brokers live for minutes, and Java's second compiler spends most of that on compiling. With
# the first one alone a slice costs the broker two thirds as much; steady traffic costs a seventh
# more. The heap starts small and grows to its limit. On two cores the pauses of the serial
# collector are no longer than those of the parallel one, and it has no threads of its own.
# The rehearsal checked the configuration against its schemas; doing it again would cost 0.3 s.
exec java -cp "$(class_path)" "${archive[@]}" -Xshare:auto \
    -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xms48m -Xmx"${ACTIVEMQ_HEAP:-512m}" -Xss512k \
    -XX:+ExitOnOutOfMemoryError -XX:-UsePerfData -Djava.awt.headless=true \
    -Dlog4j.configuration="file:$HOME_FOLDER/log4j.properties" \
    org.apache.activemq.console.command.ShellCommand \
    start "xbean:file:$config?validate=${ACTIVEMQ_VALIDATE:-false}"
