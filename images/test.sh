#!/usr/bin/env bash
# make test-images: engine, images, their tests, and everything away again, also on failure and Ctrl-C.
# `images/test.sh play`: the platform behind a stand-in for Marathon in place of the tests, until Ctrl-C.
# With CARNA_ENGINE_DIR the private engine and its images stay for the next run.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

cd "$ROOT"
is_kept=${CARNA_ENGINE_DIR:+yes}
cleanup() {
  stop_work
  [ -n "$is_kept" ] || images/engine.sh stop
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

.ci/packages images >&2
environment=$(images/engine.sh start)
eval "$environment"
child images/build.sh
began=$SECONDS
export CARNA_TEST_DOCKER_SOCKET=${DOCKER_HOST#unix://}
export CARNA_TEST_IMAGES=carna/carna:test,carna/kamailio:test,carna/standin:test
code=0
if [ "${1:-}" = play ]; then
  child node dist/test/images/play.js || code=$?
  exit "$code"
fi
child node dist/test/run.js images || code=$?
say "tests of the images: exit code $code after $((SECONDS - began)) s"
exit "$code"
