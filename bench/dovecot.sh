#!/bin/bash
# bench/dovecot.sh [--users N] [--format sdbox|mdbox|maildir] [--fsync optimized|always] -- COMMAND
#
# Runs COMMAND against a private Dovecot: Debian's packages (installed when missing, their service
# never started), loopback, free ports, state in a temporary folder. It exports the same variables
# as scripts/with-server, so that the load generator and tests/e2e run against both.
#
# As fair as it can be made: sdbox by default, no logging of each message, login processes in their
# high-performance mode, LMTP without changes of user, as many processes as connections want,
# hibernation of idle connections (with the inotify limit raised for it while this runs). mail_fsync is
# Dovecot's default, "optimized": mail is synced before it is acknowledged, flags are not; Carbonado
# syncs both.
set -euo pipefail
. "$(dirname "$0")/peer.sh"

format=sdbox fsync=optimized
peer_arguments "format fsync" "$@"
"$here/install" dovecot-core dovecot-imapd dovecot-lmtpd dovecot-pop3d

peer_state dovecot lmtp imap imaps pop3 pop3s
peer_certificate
mkdir -p "$state/mail" "$state/run"
chown mail:mail "$state/mail"

cat > "$state/dovecot.conf" <<EOF
base_dir = $state/run
state_dir = $state/run
instance_name = carbonado-bench
log_path = $state/log
info_log_path = /dev/null
import_environment = TZ CORE_OUTOFMEM CORE_ERROR LD_PRELOAD BENCH_SYNCS
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
default_process_limit = 8000
default_client_limit = 33000
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
  process_limit = 8000
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
  client_limit = 33000
}
service auth {
  client_limit = 33000
  unix_listener auth-userdb {
    user = mail
  }
}
EOF

inotify=/proc/sys/fs/inotify/max_user_instances
inotify_before=$(cat $inotify)
peer_undo() { echo "$inotify_before" > $inotify 2>/dev/null || true; }
{ [ "$inotify_before" -ge 8192 ] || echo 8192 > $inotify; } 2>/dev/null || true
peer_serve dovecot -F -c "$state/dovecot.conf"
peer_run
