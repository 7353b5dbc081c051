#!/usr/bin/env bash
# Removes the images that images/build.sh made, and containers of them that have ended; nothing else.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

need_engine
docker container prune --force --filter "label=$MADE_BY" >/dev/null
mapfile -t ids < <(docker image ls --all --quiet --filter "label=$MADE_BY" | sort -u)
[ "${#ids[@]}" -gt 0 ] || { say 'no image of ours' && exit 0; }
docker image rm --force "${ids[@]}" >/dev/null || fail 1 'some images are in use; docker ps tells by what'
say "removed ${#ids[@]} images"
