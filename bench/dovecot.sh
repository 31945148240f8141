#!/bin/bash
# bench/dovecot.sh [--users N] [--format mdbox|sdbox|maildir] [--fsync optimized|always] -- COMMAND
#
# Runs COMMAND against a private Dovecot: Debian's packages (installed when missing, their service
# never started), loopback, free ports, state in a temporary folder. It exports the same variables
# as scripts/with-server, so that the load generator and tests/e2e run against both.
#
# As fair as it can be made: mdbox by default (the fastest of the three here), no logging of each
# message, login processes in their high-performance mode, LMTP without changes of user, as many
# processes as connections want, hibernation of idle connections (with the inotify limit raised for
# it while this runs). mail_fsync is Dovecot's default, "optimized": mail is synced before it is
# acknowledged, flags are not; Carbonado syncs both.
set -euo pipefail

users=1 format=mdbox fsync=optimized
while [ $# -gt 0 ]; do
    case $1 in
    --users) users=$2; shift 2 ;;
    --format) format=$2; shift 2 ;;
    --fsync) fsync=$2; shift 2 ;;
    --) shift; break ;;
    *) sed -n '2,5s/^# //p' "$0" >&2; exit 2 ;;
    esac
done
here=$(cd "$(dirname "$0")" && pwd)
"$here/install" dovecot-core dovecot-imapd dovecot-lmtpd dovecot-pop3d
[ "$(id -u)" = 0 ] || { echo "bench/dovecot.sh: needs root: Dovecot changes users" >&2; exit 77; }

state=$(mktemp -d "${TMPDIR:-/tmp}/dovecot.XXXXXX")
chmod 755 "$state"
read -r smtp lmtp imap imaps pop3 pop3s < <("$here/free-ports" 6)
mkdir -p "$state/mail" "$state/run"
chown mail:mail "$state/mail"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$state/key.pem" -out "$state/cert.pem" 2>/dev/null

cat > "$state/dovecot.conf" <<EOF
base_dir = $state/run
state_dir = $state/run
instance_name = carbonado-bench
log_path = $state/log
info_log_path = /dev/null
protocols = imap pop3 lmtp
listen = 127.0.0.1
mail_location = $format:$state/mail/%u
mail_home = $state/mail/%u
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
first_valid_gid = 1
mail_fsync = $fsync
auth_username_format = %Lu
auth_cache_size = 10M
auth_mechanisms = plain login
disable_plaintext_auth = no
ssl = yes
ssl_cert = <$state/cert.pem
ssl_key = <$state/key.pem
mail_max_userip_connections = 100000
imap_hibernate_timeout = 5s
lmtp_user_concurrency_limit = 0
default_process_limit = 4000
default_client_limit = 8000
default_vsz_limit = 0
passdb {
  driver = static
  args = password=pass
}
userdb {
  driver = static
  args = uid=mail gid=mail home=$state/mail/%u
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = $lmtp
  }
  process_min_avail = 4
  user = mail
}
service imap-login {
  inet_listener imap {
    port = $imap
  }
  inet_listener imaps {
    port = $imaps
  }
  service_count = 0
  process_min_avail = 2
}
service pop3-login {
  inet_listener pop3 {
    port = $pop3
  }
  inet_listener pop3s {
    port = $pop3s
  }
  service_count = 0
}
service imap {
  process_limit = 4000
  unix_listener imap-master {
    user = dovecot
  }
}
service imap-hibernate {
  unix_listener imap-hibernate {
    mode = 0660
    group = mail
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
service anvil {
  client_limit = 16000
}
service auth {
  client_limit = 16000
  unix_listener auth-userdb {
    user = mail
  }
}
EOF

ulimit -n "$(ulimit -Hn)"
inotify=/proc/sys/fs/inotify/max_user_instances
inotify_before=$(cat $inotify)
{ [ "$inotify_before" -ge 4096 ] || echo 4096 > $inotify; } 2>/dev/null || true
dovecot -F -c "$state/dovecot.conf" 2>"$state/stderr" &
pid=$!
stop() {
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -rf "$state"
    echo "$inotify_before" > $inotify 2>/dev/null || true
}
trap stop EXIT
for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$lmtp") 2>/dev/null && break
    kill -0 "$pid" 2>/dev/null || { cat "$state/stderr" >&2; exit 1; }
    sleep 0.1
done

export CARBONADO_HOST=127.0.0.1 CARBONADO_PORT_LMTP=$lmtp CARBONADO_PORT_IMAP=$imap \
    CARBONADO_PORT_IMAPS=$imaps CARBONADO_PORT_POP3=$pop3 CARBONADO_PORT_POP3S=$pop3s \
    CARBONADO_PID=$pid CARBONADO_STATE=$state CARBONADO_USERS=$users CARBONADO_PEER=dovecot
status=0
"$@" || status=$?
if [ -n "${BENCH_KEEP_LOG:-}" ] && [ -s "$state/log" ]; then cp "$state/log" "$BENCH_KEEP_LOG"; fi
exit $status
