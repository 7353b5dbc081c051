#!/usr/bin/env bash
# make test-images: engine, images, their tests, and everything away again, also on failure and Ctrl-C.
# With CARNA_ENGINE_DIR the private engine and its images stay for the next run.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

cd "$ROOT"
is_kept=${CARNA_ENGINE_DIR:+yes}
tests_pid=
cleanup() {
  trap '' INT TERM HUP
  stop_step
  if [ -n "$tests_pid" ]; then
    kill -TERM "$tests_pid" 2>/dev/null || true
    wait "$tests_pid" 2>/dev/null || true
  fi
  [ -n "$is_kept" ] || images/engine.sh stop
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

environment=$(images/engine.sh start)
eval "$environment"
images/build.sh
began=$SECONDS
CARNA_TEST_DOCKER_SOCKET=${DOCKER_HOST#unix://} CARNA_TEST_IMAGES=carna/carna:test,carna/kamailio:test,carna/standin:test \
  node dist/test/run.js images &
tests_pid=$!
code=0
wait "$tests_pid" || code=$?
tests_pid=
say "tests of the images: exit code $code after $((SECONDS - began)) s"
exit "$code"
