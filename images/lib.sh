# What the scripts of this folder share; sourced, not run. Texts go to stderr: stdout is for results.
# shellcheck shell=bash
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
MADE_BY=carna.made-by=images
BASE_IMAGE=carna/base:bookworm
PARTS=(carna kamailio standin)
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
# step TEXT COMMAND...: runs a program quietly and says how long it took; its last lines only when it fails.
# A command that takes longer than 2 s shows that it is alive.
step() {
  local text=$1 began=$SECONDS shown=2 code=0 log
  shift
  log=$(mktemp)
  # A group of its own, so that stop_step ends its children as well.
  setsid "$@" >"$log" 2>&1 </dev/null &
  step_pid=$!
  while kill -0 "$step_pid" 2>/dev/null; do
    sleep 0.1
    if [ $((SECONDS - began)) -gt "$shown" ]; then
      say "$text: $((SECONDS - began)) s, $(tail -n 1 "$log" | tr -d '\r' | cut -c 1-100)"
      shown=$((SECONDS - began + 9))
    fi
  done
  wait "$step_pid" || code=$?
  step_pid=
  if [ "$code" -ne 0 ]; then
    say "$text: failed with exit code $code; the end of what it said:"
    tail -n 30 "$log" >&2
  else
    say "$text: done in $((SECONDS - began)) s"
  fi
  rm -f "$log"
  return "$code"
}

# Ends the running step and what it started; for traps.
stop_step() {
  [ -n "$step_pid" ] || return 0
  kill -TERM -- "-$step_pid" 2>/dev/null || true
  wait "$step_pid" 2>/dev/null || true
  kill -KILL -- "-$step_pid" 2>/dev/null || true
  step_pid=
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
