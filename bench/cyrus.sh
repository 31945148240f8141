#!/bin/bash
# bench/cyrus.sh [--users N] -- COMMAND
#
# Runs COMMAND against a private Cyrus IMAP of Debian's packages: loopback, free ports, state in a
# temporary folder; the variables are those of scripts/with-server. Mailboxes are made at the first
# login or delivery; the other settings are Debian's and Cyrus's own.
set -euo pipefail

users=1
while [ $# -gt 0 ]; do
    case $1 in
    --users) users=$2; shift 2 ;;
    --) shift; break ;;
    *) sed -n '2s/^# //p' "$0" >&2; exit 2 ;;
    esac
done
here=$(cd "$(dirname "$0")" && pwd)
"$here/install" cyrus-imapd cyrus-pop3d cyrus-common sasl2-bin
[ "$(id -u)" = 0 ] || { echo "bench/cyrus.sh: needs root: Cyrus changes users" >&2; exit 77; }

state=$(mktemp -d "${TMPDIR:-/tmp}/cyrus.XXXXXX")
chmod 755 "$state"
read -r lmtp imap imaps pop3 pop3s < <("$here/free-ports" 5)
mkdir -p "$state/config/socket" "$state/mail" "$state/run"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$state/key.pem" -out "$state/cert.pem" 2>/dev/null
for n in $(seq "$users"); do
    printf pass | saslpasswd2 -p -c -f "$state/sasldb2" -u example.test "user$n"
done

cat > "$state/imapd.conf" <<EOF
configdirectory: $state/config
defaultpartition: default
partition-default: $state/mail
proc_path: $state/run/proc
mboxname_lockpath: $state/run/lock
lmtpsocket: $state/config/socket/lmtp
idlesocket: $state/config/socket/idle
notifysocket: $state/config/socket/notify
virtdomains: userid
defaultdomain: internal
unixhierarchysep: yes
altnamespace: yes
admins: cyrus
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: $state/sasldb2
autocreate_quota: 0
autocreate_post: yes
lmtp_downcase_rcpt: yes
tls_server_cert: $state/cert.pem
tls_server_key: $state/key.pem
duplicatesuppression: no
EOF
cat > "$state/cyrus.conf" <<EOF
START {
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -C $state/imapd.conf -r"
}
SERVICES {
  imap cmd="/usr/lib/cyrus/bin/imapd -C $state/imapd.conf -U 30" listen="127.0.0.1:$imap" prefork=4 maxchild=4000
  imaps cmd="/usr/lib/cyrus/bin/imapd -C $state/imapd.conf -s -U 30" listen="127.0.0.1:$imaps" prefork=0 maxchild=4000
  pop3 cmd="/usr/lib/cyrus/bin/pop3d -C $state/imapd.conf -U 30" listen="127.0.0.1:$pop3" prefork=0 maxchild=1000
  pop3s cmd="/usr/lib/cyrus/bin/pop3d -C $state/imapd.conf -s -U 30" listen="127.0.0.1:$pop3s" prefork=0 maxchild=1000
  lmtp cmd="/usr/lib/cyrus/bin/lmtpd -C $state/imapd.conf -a -U 30" listen="127.0.0.1:$lmtp" prefork=4 maxchild=100
}
DAEMON {
  idled cmd="/usr/lib/cyrus/bin/idled -C $state/imapd.conf"
}
EVENTS {
}
EOF
chown -R cyrus:mail "$state"

ulimit -n "$(ulimit -Hn)"
/usr/lib/cyrus/bin/master -C "$state/imapd.conf" -M "$state/cyrus.conf" -p "$state/run/pid" 2>"$state/stderr" &
pid=$!
stop() {
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -rf "$state"
}
trap stop EXIT
for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$lmtp") 2>/dev/null && break
    kill -0 "$pid" 2>/dev/null || { cat "$state/stderr" >&2; exit 1; }
    sleep 0.1
done

export CARBONADO_HOST=127.0.0.1 CARBONADO_PORT_LMTP=$lmtp CARBONADO_PORT_IMAP=$imap \
    CARBONADO_PORT_IMAPS=$imaps CARBONADO_PORT_POP3=$pop3 CARBONADO_PORT_POP3S=$pop3s \
    CARBONADO_PID=$pid CARBONADO_STATE=$state CARBONADO_USERS=$users CARBONADO_PEER=cyrus
status=0
"$@" || status=$?
exit $status
