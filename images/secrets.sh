#!/usr/bin/env bash
# Makes the secrets of a platform, one a file, readable by the images' user 10001 alone; needs root for that.
# A file that is there stays as it is: run it again when one is missing.
#
#   images/secrets.sh [DIR [POSTGRES]]
#
# DIR        default /etc/carna/secrets
# POSTGRES   host:port of the database `carna`. Default 127.0.5.1:5432, the one of compose.stores.yaml. For one of
#            yours put its admin-database-url (a user that may create roles) into DIR before
set -euo pipefail

OWNER=10001
dir=${1:-/etc/carna/secrets}
postgres=${2:-127.0.5.1:5432}

[ "$(id -u)" -eq 0 ] || { echo "secrets: giving the files to user $OWNER needs root" >&2 && exit 3; }
umask 077
mkdir -p "$dir"
chown "$OWNER:$OWNER" "$dir"
chmod 0500 "$dir"

# Letters and digits, - and _ alone: Kamailio decodes no %XX in a URL.
password() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }

keep() { # NAME TEXT
  local file=$dir/$1
  if [ ! -s "$file" ]; then
    printf '%s\n' "$2" >"$file.new"
    mv "$file.new" "$file"
    echo "secrets: made $file" >&2
  fi
  chown "$OWNER:$OWNER" "$file"
  chmod 0400 "$file"
}

url() { printf '%s://%s:%s@%s/carna' "$1" "$2" "$3" "$postgres"; }

keep zookeeper-auth "carna:$(password)"
keep postgres-password "$(password)"
keep admin-database-url "$(url postgresql postgres "$(cat "$dir/postgres-password")")"
keep reconciler-database-url "$(url postgresql carna_reconciler "$(password)")"
keep agent-database-url "$(url postgresql carna_agent "$(password)")"
keep manager-database-url "$(url postgresql carna_operator "$(password)")"
# Kamailio knows the scheme in this spelling only.
for role in load-balancer dispatcher registrar outbound; do
  keep "kamailio-db-url-$role" "$(url postgres "kamailio_${role//-/_}" "$(password)")"
done
keep esl-password "$(password)"
keep route-secret "$(password)"
