#!/bin/bash
# bench/postfix.sh [--users N] -- COMMAND
#
# Runs COMMAND against a private Postfix in front of bench/dovecot.sh: SMTP in, its queue, LMTP to
# Dovecot. Its 250 means that the message is in the queue; delivery goes on beside it, and the
# processor time of both counts. Debian's package and Postfix's own settings, but for the limits of
# processes and the restrictions, which a load from one address would meet.
set -euo pipefail
. "$(dirname "$0")/peer.sh"

peer_arguments "" "$@"
if [ "${CARBONADO_PEER:-}" != dovecot ]; then
    exec "$here/dovecot.sh" --users "$users" -- "$0" --users "$users" -- "${command[@]}"
fi
"$here/install" postfix
peer_state postfix smtp
mkdir -p "$state/etc" "$state/queue" "$state/data"
chown postfix "$state/data"
cat > "$state/etc/main.cf" <<EOF
compatibility_level = 3.6
queue_directory = $state/queue
data_directory = $state/data
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.test
mydestination =
mynetworks =
virtual_mailbox_domains = example.test
virtual_mailbox_maps = static:here
virtual_transport = lmtp:inet:127.0.0.1:$CARBONADO_PORT_LMTP
local_recipient_maps =
alias_maps =
alias_database =
smtpd_relay_restrictions = reject_unauth_destination
smtpd_client_connection_count_limit = 0
default_process_limit = 100
message_size_limit = 52428800
maillog_file =
EOF
sed -E "s/^smtp +inet .*/127.0.0.1:$smtp inet n - n - - smtpd/; s/^([a-z-]+ +(unix|inet|fifo|pass) +\S+ +\S+ +)y/\1n/" \
    /usr/share/postfix/master.cf.dist > "$state/etc/master.cf"

postfix -c "$state/etc" start >"$state/log" 2>&1 || { cat "$state/log" >&2; exit 1; }
pid=$(tr -d ' ' < "$state/queue/pid/master.pid")
peer_stop() {
    postfix -c "$state/etc" abort >/dev/null 2>&1 || true
    rm -rf "$state"
}
trap peer_stop EXIT
pid="$CARBONADO_PID $pid"
peer_run
