# peer.sh - sourced by the wrappers of other servers (dovecot.sh, cyrus.sh, postfix.sh): their
# arguments, a folder for the state, free ports, a certificate, start and end, and the variables that
# the command inside finds, which are those of scripts/with-server. Besides:
#   CARBONADO_SERVE   a shell command that starts the server again in the foreground, on its state
# BENCH_PRELOAD names a library for the server alone (bench/syncs.c, with BENCH_SYNCS).

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
users=1

# peer_arguments "NAME..." ARGUMENT...: sets the variables of these names from --NAME VALUE, and
# `command` from what follows --.
peer_arguments() {
    local known=" users $1 " name
    shift
    while [ $# -gt 0 ]; do
        name=${1#--}
        [ "$1" != -- ] || { shift; break; }
        if [ "$name" = "$1" ] || [ "${known#* "$name" }" = "$known" ] || [ $# -lt 2 ]; then
            sed -n '2,/^#$/s/^# //p' "$0" >&2
            exit 2
        fi
        printf -v "$name" %s "$2"
        shift 2
    done
    command=("$@")
    [ "$(id -u)" = 0 ] || { echo "$0: needs root: the server changes users" >&2; exit 77; }
}

# peer_state NAME PORT...: the folder, in `state`, and a free port in each variable PORT.
peer_state() {
    peer=$1
    shift
    state=$(mktemp -d "${TMPDIR:-/tmp}/$peer.XXXXXX")
    chmod 755 "$state"
    read -r "$@" < <("$here/free-ports" $#)
}

peer_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$state/key.pem" -out "$state/cert.pem" 2>/dev/null
}

# peer_serve COMMAND...: starts the server, and waits until its LMTP port answers.
peer_serve() {
    ulimit -n "$(ulimit -Hn)"
    export CARBONADO_SERVE
    CARBONADO_SERVE="exec $(printf '%q ' "$@") 2>>$state/stderr"
    trap peer_stop EXIT
    LD_PRELOAD=${BENCH_PRELOAD:-} "$@" 2>"$state/stderr" &
    pid=$!
    local _
    for _ in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$lmtp") 2>/dev/null && return
        kill -0 "$pid" 2>/dev/null || { cat "$state/stderr" >&2; exit 1; }
        sleep 0.1
    done
    echo "$0: nobody listens on port $lmtp" >&2
    exit 1
}

# What else has to be undone goes into a function peer_undo.
peer_stop() {
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    ! declare -F peer_undo >/dev/null || peer_undo
    rm -rf "$state"
}

# The command, with the server in its environment; its status is ours.
peer_run() {
    local name
    for name in smtp lmtp imap imaps pop3 pop3s; do
        [ -z "${!name:-}" ] || export "CARBONADO_PORT_${name^^}=${!name}"
    done
    export CARBONADO_HOST=127.0.0.1 CARBONADO_PID=$pid CARBONADO_STATE=$state \
        CARBONADO_USERS=$users CARBONADO_PEER=$peer
    local status=0
    "${command[@]}" || status=$?
    if [ -n "${BENCH_KEEP_LOG:-}" ] && [ -s "$state/log" ]; then cp "$state/log" "$BENCH_KEEP_LOG"; fi
    exit $status
}
