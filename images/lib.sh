# What the scripts of this folder share; sourced, not run. Texts go to stderr: stdout is for results.
# shellcheck shell=bash
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
MADE_BY=carna.made-by=images
BASE_IMAGE=carna/base:bookworm
# In the order in which they are built: each may be made of those before it.
PARTS=(kamailio carna standin freeswitch)
# How long a registry may take for a base image.
PULL_LIMIT_S=20
# The classic builder: the engine of Debian 12 has no other, newer ones still have it.
export DOCKER_BUILDKIT=0

say() { printf 'images: %s\n' "$*" >&2; }

# fail CODE TEXT: ends the script; 2 wrong use, 3 something needed is missing.
fail() {
  say "$2"
  exit "$1"
}

# engine_answers [HOST]: true when a Docker engine answers there within 10 s; the usual place when empty.
engine_answers() {
  command -v docker >/dev/null || return 1
  DOCKER_HOST=${1:-${DOCKER_HOST:-}} timeout 10 docker info --format '{{.ServerVersion}}' 2>/dev/null | grep -q .
}

need_engine() {
  engine_answers || fail 3 "no Docker engine answers at ${DOCKER_HOST:-the usual socket}; images/engine.sh start starts one"
}

step_pid=
step_log=
# step TEXT COMMAND...: runs a program quietly and says how long it took; its last lines only when it fails.
# A command that takes longer than 2 s shows that it is alive.
step() {
  local text=$1 began=$SECONDS shown=2 code=0 last
  shift
  step_log=$(mktemp)
  # A group of its own, so that stop_work ends its children as well.
  setsid "$@" >"$step_log" 2>&1 </dev/null &
  step_pid=$!
  while kill -0 "$step_pid" 2>/dev/null; do
    sleep 0.1
    if [ $((SECONDS - began)) -gt "$shown" ]; then
      last=$(tail -n 1 "$step_log" | tr -cd '[:print:]' | sed 's/^\[[0-9;]*m//' | cut -c 1-100)
      say "$text: $((SECONDS - began)) s${last:+, $last}"
      shown=$((SECONDS - began + 9))
    fi
  done
  wait "$step_pid" || code=$?
  step_pid=
  if [ "$code" -ne 0 ]; then
    say "$text: failed with exit code $code; the end of what it said:"
    tail -n 30 "$step_log" >&2
  else
    say "$text: done in $((SECONDS - began)) s"
  fi
  rm -f "$step_log"
  step_log=
  return "$code"
}

child_pid=
# child COMMAND...: runs one of our scripts, or the tests; unlike in the foreground, a trap need not wait for its end.
child() {
  local code=0
  "$@" &
  child_pid=$!
  wait "$child_pid" || code=$?
  child_pid=
  return "$code"
}

# Ends the running step or child, and what they started; for traps.
stop_work() {
  trap '' INT TERM HUP
  if [ -n "$child_pid" ]; then
    kill -TERM "$child_pid" 2>/dev/null || true
    wait "$child_pid" 2>/dev/null || true
  fi
  if [ -n "$step_pid" ]; then
    kill -TERM -- "-$step_pid" 2>/dev/null || true
    wait "$step_pid" 2>/dev/null || true
    kill -KILL -- "-$step_pid" 2>/dev/null || true
  fi
  [ -z "$step_log" ] || rm -f "$step_log"
  child_pid=
  step_pid=
  step_log=
}

# Unmounts everything below a folder, innermost first.
unmount_below() {
  local dir
  awk -v below="$1/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r |
    while read -r dir; do umount "$dir" 2>/dev/null || umount --lazy "$dir" || true; done
}

# proxy_args: --build-arg options for the proxies of this machine's apt; Docker keeps these names out of an
# image's history.
proxy_args() {
  local scheme proxy
  for scheme in http https; do
    proxy=${scheme}_proxy
    proxy=${!proxy:-}
    if [ -z "$proxy" ] && command -v apt-config >/dev/null; then
      eval "$(apt-config shell proxy "Acquire::$scheme::Proxy")"
    fi
    case "$proxy" in '' | DIRECT) ;; *) printf -- '--build-arg\n%s_proxy=%s\n' "$scheme" "$proxy" ;; esac
  done
}
