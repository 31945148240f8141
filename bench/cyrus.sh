#!/bin/bash
# bench/cyrus.sh [--users N] -- COMMAND
#
# Runs COMMAND against a private Cyrus IMAP of Debian's packages: loopback, free ports, state in a
# temporary folder; the variables are those of scripts/with-server. Its IMAP and POP3 packages do not
# go together with Dovecot's on one machine, so they are unpacked into bench/out/. Mailboxes are made
# at the first login or delivery; the other settings are Debian's and Cyrus's own.
set -euo pipefail
. "$(dirname "$0")/peer.sh"

peer_arguments "" "$@"
"$here/install" cyrus-common sasl2-bin
common=/usr/lib/cyrus/bin
bin=$("$here/unpack" cyrus-common cyrus-imapd cyrus-pop3d)/usr/lib/cyrus/bin

peer_state cyrus lmtp imap imaps pop3 pop3s
peer_certificate
mkdir -p "$state/config/socket" "$state/mail" "$state/run"
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
  recover cmd="$common/ctl_cyrusdb -C $state/imapd.conf -r"
}
SERVICES {
  imap cmd="$bin/imapd -C $state/imapd.conf -U 30" listen="127.0.0.1:$imap" prefork=4 maxchild=4000
  imaps cmd="$bin/imapd -C $state/imapd.conf -s -U 30" listen="127.0.0.1:$imaps" prefork=0 maxchild=4000
  pop3 cmd="$bin/pop3d -C $state/imapd.conf -U 30" listen="127.0.0.1:$pop3" prefork=0 maxchild=1000
  pop3s cmd="$bin/pop3d -C $state/imapd.conf -s -U 30" listen="127.0.0.1:$pop3s" prefork=0 maxchild=1000
  lmtp cmd="$common/lmtpd -C $state/imapd.conf -a -U 30" listen="127.0.0.1:$lmtp" prefork=4 maxchild=100
}
DAEMON {
  idled cmd="$bin/idled -C $state/imapd.conf"
}
EVENTS {
}
EOF
chown -R cyrus:mail "$state"

peer_serve $common/master -C "$state/imapd.conf" -M "$state/cyrus.conf" -p "$state/run/pid"
peer_run
