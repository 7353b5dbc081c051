#!/usr/bin/env bash
# A Docker engine for tests: the one that already answers, else a private one that leaves no trace.
#
#   eval "$(images/engine.sh start)"    sets DOCKER_HOST, and CARNA_ENGINE_DIR when the engine is a private one
#   images/engine.sh stop               ends the private engine of CARNA_ENGINE_DIR, its containers and its folder
#   images/engine.sh status
#
# CARNA_ENGINE_DIR   folder of the private engine, to be kept between runs; default: a new one below TMPDIR.
#                    When it is set, no other engine is looked for.
# A private engine has no bridge and changes no firewall: its containers use the host's network.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

START_LIMIT_S=60
STOP_LIMIT_S=20
MARK=carna-engine

is_ours() { [ -e "$1/$MARK" ]; }
host_of() { printf 'unix://%s/docker.sock' "$1"; }

# pids_with TEXT NAME: processes called NAME* with this text in their command line.
pids_with() {
  local dir
  for dir in /proc/[0-9]*; do
    case "$(cat "$dir/comm" 2>/dev/null)" in "$2"*) ;; *) continue ;; esac
    tr '\0' ' ' <"$dir/cmdline" 2>/dev/null | grep -qF -- "$1" && printf '%s\n' "${dir#/proc/}"
  done
  return 0
}

daemon_of() { pids_with "--data-root $1/data" dockerd; }

# end_all PID...: SIGTERM, then SIGKILL after a while; returns when all are gone.
end_all() {
  local ends=$((SECONDS + STOP_LIMIT_S)) pid
  for pid in "$@"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "$@"; do
    while kill -0 "$pid" 2>/dev/null; do
      [ "$SECONDS" -lt "$ends" ] || kill -KILL "$pid" 2>/dev/null || true
      sleep 0.1
    done
  done
}

settings() { # FOLDER
  # Its own file, so that the machine's /etc/docker/daemon.json has no say. The key's place can only be
  # chosen, and is only used, before version 23.
  case "$(dockerd --version)" in
  *' version '1?.* | *' version '20.*) printf '{"deprecated-key-path": "%s/key.json"}\n' "$1" ;;
  *) printf '{}\n' ;;
  esac
}

# In the engine's control group all containers together would weigh as much as one process beside it: a platform
# in them starves beside the calls that are put on it. Best effort: without it things are slower.
weigh() { # FOLDER
  local name
  name=$(basename "$1")
  if [ -d /sys/fs/cgroup/cpu ]; then
    mkdir -p "/sys/fs/cgroup/cpu/$name" && echo 16384 >"/sys/fs/cgroup/cpu/$name/cpu.shares"
  elif [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p "/sys/fs/cgroup/$name" && echo 1600 >"/sys/fs/cgroup/$name/cpu.weight"
  fi 2>/dev/null || true
}

launch() { # FOLDER
  local dir=$1
  settings "$dir" >"$dir/daemon.json"
  weigh "$dir"
  setsid dockerd --config-file "$dir/daemon.json" --host "$(host_of "$dir")" --pidfile "$dir/docker.pid" \
    --data-root "$dir/data" --exec-root "$dir/exec" --bridge=none --iptables=false --ip6tables=false \
    --ip-forward=false --exec-opt native.cgroupdriver=cgroupfs \
    --cgroup-parent "/$(basename "$dir")" </dev/null >"$dir/log" 2>&1 &
  local pid=$! ends=$((SECONDS + START_LIMIT_S))
  until engine_answers "$(host_of "$dir")"; do
    if ! kill -0 "$pid" 2>/dev/null || [ "$SECONDS" -ge "$ends" ]; then
      tail -n 15 "$dir/log" >&2
      stop_private "$dir"
      fail 3 'dockerd did not start; the end of its log is above'
    fi
    sleep 0.2
  done
}

start() {
  local dir=${CARNA_ENGINE_DIR:-}
  if [ -z "$dir" ] && engine_answers; then
    local host=${DOCKER_HOST:-unix:///var/run/docker.sock}
    case "$host" in unix://*) ;; *) fail 3 "the engine at $host has no unix socket here; set CARNA_ENGINE_DIR to get a private one" ;; esac
    say "using the engine at $host"
    printf 'export DOCKER_HOST=%q\n' "$host"
    return
  fi
  command -v dockerd >/dev/null || "$ROOT/.ci/packages" images >&2
  [ "$(id -u)" -eq 0 ] || fail 3 'no Docker engine answers, and starting one needs root'
  if [ -z "$dir" ]; then
    dir=$(mktemp -d "${TMPDIR:-/tmp}/carna-engine.XXXXXX")
  elif [ -d "$dir" ] && ! is_ours "$dir" && [ -n "$(ls -A "$dir")" ]; then
    fail 2 "$dir holds something else; CARNA_ENGINE_DIR must be new or an engine's of ours"
  fi
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  touch "$dir/$MARK"
  if engine_answers "$(host_of "$dir")"; then
    say "using the private engine in $dir"
  else
    launch "$dir"
    say "started a private engine in $dir"
  fi
  printf 'export DOCKER_HOST=%q CARNA_ENGINE_DIR=%q\n' "$(host_of "$dir")" "$dir"
}

# Ends what lives under the folder, in the order in which nothing can come back, and removes the folder.
stop_private() { # FOLDER
  local dir=$1 host containers
  host=$(host_of "$dir")
  # Its containers end with it, but slowly.
  if [ -n "$(daemon_of "$dir")" ] && engine_answers "$host"; then
    containers=$(docker --host "$host" ps --all --quiet)
    [ -z "$containers" ] || timeout 60 xargs docker --host "$host" rm --force --volumes <<<"$containers" >/dev/null 2>&1 || true
  fi
  # shellcheck disable=SC2046
  end_all $(daemon_of "$dir")
  # shellcheck disable=SC2046
  end_all $(pids_with "$dir/exec/containerd" containerd)
  unmount_below "$dir"
  rm -rf --one-file-system "$dir"
  find /sys/fs/cgroup -depth -type d -path "*/$(basename "$dir")*" -exec rmdir {} + 2>/dev/null || true
}

stop() {
  local dir=${CARNA_ENGINE_DIR:-}
  [ -n "$dir" ] || { say 'no private engine (CARNA_ENGINE_DIR is not set): nothing to stop' && return; }
  [ -d "$dir" ] || { say "no engine in $dir" && return; }
  dir=$(cd "$dir" && pwd)
  is_ours "$dir" || fail 2 "$dir was not made by this script"
  stop_private "$dir"
  say "stopped the private engine in $dir"
}

status() {
  local dir=${CARNA_ENGINE_DIR:-}
  local host=${DOCKER_HOST:-}
  [ -z "$dir" ] || host=$(host_of "$dir")
  engine_answers "$host" || { say "no engine answers at ${host:-the usual socket}" && exit 1; }
  say "engine at ${host:-the usual socket}, version $(DOCKER_HOST=$host docker info --format '{{.ServerVersion}}, {{.Containers}} containers, {{.Images}} images')"
}

case "${1:-}" in
start | stop | status) "$1" ;;
*) fail 2 'usage: images/engine.sh start | stop | status' ;;
esac
