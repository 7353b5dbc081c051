#!/usr/bin/env bash
# Builds the images: carna/carna, carna/kamailio and carna/standin, each tagged with the version and `test`.
# Needs a Docker engine (DOCKER_HOST), dist/ (make build), and the network for Debian and npm packages.
# Everything that it makes carries the label carna.made-by=images; images/prune.sh removes just that.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

stage=
cleanup() {
  stop_work
  [ -z "$stage" ] || rm -rf "$stage"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# What is not in the folder of a part is gathered for it: nothing else can get into an image.
stage_carna() {
  cp "$ROOT"/{package.json,package-lock.json,.npmrc,LICENSE} "$stage/carna/"
  mkdir "$stage/carna/dist"
  cp -R "$ROOT/dist/src" "$stage/carna/dist/src"
  cp -R "$ROOT/kamailio" "$ROOT/freeswitch" "$stage/carna/"
  # Without scripts: nothing of a package runs here, and nothing is compiled for this machine.
  step 'packages for production' npm --prefix "$stage/carna" ci --omit=dev --ignore-scripts --no-progress --loglevel=error
  step 'Node for the image' npm --prefix "$stage/carna/node" ci --ignore-scripts --no-progress --loglevel=error
  cp "$stage"/carna/node/node_modules/node-linux-*/bin/node "$stage/carna/node/node"
  rm -rf "$stage/carna/node/node_modules"
  # Umask and owner of this machine are no property of the image.
  chmod -R a+rX,u+w,go-w "$stage/carna"
  chmod 755 "$stage/carna/dist/src/bin/carna.js"
}

stage_kamailio() { cp -R "$ROOT/kamailio" "$stage/kamailio/config"; }

stage_standin() { :; }

build() { # PART TITLE
  local version revision proxies
  version=$(sed -n 's/^ *"version": "\(.*\)",$/\1/p' "$ROOT/package.json" | head -n 1)
  revision=$(git -C "$ROOT" rev-parse HEAD 2>/dev/null || echo unknown)
  mapfile -t proxies < <(proxy_args)
  cp -R "$ROOT/images/$1" "$stage/$1"
  "stage_$1"
  step "image carna/$1:$version" docker build --network=host "${proxies[@]}" \
    --build-arg "BASE=$BASE_IMAGE" --label "$MADE_BY" \
    --label "org.opencontainers.image.title=carna-$1" --label "org.opencontainers.image.description=$2" \
    --label "org.opencontainers.image.version=$version" --label "org.opencontainers.image.revision=$revision" \
    --label org.opencontainers.image.licenses=MIT \
    --tag "carna/$1:$version" --tag "carna/$1:test" "$stage/$1"
  rm -rf "${stage:?}/$1"
}

need_engine
[ -e "$ROOT/dist/src/bin/carna.js" ] || fail 3 'dist/ is missing: make build'
child "$ROOT/images/base.sh"
stage=$(mktemp -d)
build carna 'Agent and reconciler of Carna'
build kamailio 'Kamailio with the configurations of Carna'
build standin 'Stand-in for a FreeSWITCH, for tests only'
docker image prune --force --filter "label=$MADE_BY" >/dev/null
docker image ls --filter "label=$MADE_BY" --format '{{.Repository}}:{{.Tag}}  {{.Size}}' >&2
