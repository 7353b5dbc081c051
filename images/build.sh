#!/usr/bin/env bash
# Builds the images, each tagged with the version and `test`.
#
#   images/build.sh                all of them; when Alpine cannot be reached, without carna/freeswitch: it says so
#   images/build.sh PART...        kamailio, carna, standin, freeswitch; one that cannot be built is a failure
#
# Needs a Docker engine (DOCKER_HOST), dist/ (make build), and the network for Debian and npm packages. For
# freeswitch a registry with Alpine's image, or another name for it in CARNA_ALPINE_IMAGE, and Alpine's packages.
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
  cp -R "$ROOT/kamailio" "$ROOT/freeswitch" "$ROOT/marathon" "$stage/carna/"
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

stage_freeswitch() { cp -R "$ROOT/freeswitch" "$stage/freeswitch/config"; }

title_of() { # PART
  case "$1" in
  kamailio) echo 'Kamailio with the configurations of Carna' ;;
  carna) echo 'Agent and reconciler of Carna' ;;
  standin) echo 'Stand-in for a FreeSWITCH, for tests only' ;;
  freeswitch) echo 'FreeSWITCH with the configuration of Carna' ;;
  *) fail 2 "$1 is no part; there are: ${PARTS[*]}" ;;
  esac
}

build() { # PART TITLE [OPTION...]
  local version revision proxies
  version=$(sed -n 's/^ *"version": "\(.*\)",$/\1/p' "$ROOT/package.json" | head -n 1)
  revision=$(git -C "$ROOT" rev-parse HEAD 2>/dev/null || echo unknown)
  mapfile -t proxies < <(proxy_args)
  rm -rf "${stage:?}/$1"
  cp -R "$ROOT/images/$1" "$stage/$1"
  "stage_$1" || return
  step "image carna/$1:$version" docker build --network=host "${proxies[@]}" \
    --build-arg "BASE=$BASE_IMAGE" --label "$MADE_BY" \
    --label "org.opencontainers.image.title=carna-$1" --label "org.opencontainers.image.description=$2" \
    --label "org.opencontainers.image.version=$version" --label "org.opencontainers.image.revision=$revision" \
    --label org.opencontainers.image.licenses=MIT \
    --tag "carna/$1:$version" --tag "carna/$1:test" "${@:3}" "$stage/$1"
}

# Its base comes from a registry alone, and the packages from Alpine's mirror.
build_freeswitch() {
  local image had=yes code=0
  image=${CARNA_ALPINE_IMAGE:-$(sed -n 's/^ARG ALPINE=//p' "$ROOT/images/freeswitch/Dockerfile")}
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    had=no
    if ! timeout "$PULL_LIMIT_S" docker pull --quiet "$image" >/dev/null 2>&1; then
      say "carna/freeswitch is not built: no registry gave $image within $PULL_LIMIT_S s"
      return 3
    fi
  fi
  build freeswitch "$(title_of freeswitch)" --build-arg "ALPINE=$image" || code=$?
  [ "$code" -eq 0 ] || say "carna/freeswitch is not built: the packages of Alpine could not be had, see above"
  # What we fetched goes when our image goes.
  [ "$had" = yes ] || docker image rm "$image" >/dev/null 2>&1 || true
  return "$code"
}

wanted=("$@")
is_named=${1:+yes}
[ -n "$is_named" ] || wanted=("${PARTS[@]}")
for part in "${wanted[@]}"; do title_of "$part" >/dev/null; done
need_engine
[ -e "$ROOT/dist/src/bin/carna.js" ] || fail 3 'dist/ is missing: make build'
child "$ROOT/images/base.sh"
stage=$(mktemp -d)
for part in "${wanted[@]}"; do
  case "$part" in
  freeswitch) build_freeswitch || [ -z "$is_named" ] || exit 3 ;;
  *) build "$part" "$(title_of "$part")" ;;
  esac
done
docker image prune --force --filter "label=$MADE_BY" >/dev/null
docker image ls --filter "label=$MADE_BY" --format '{{.Repository}}:{{.Tag}}  {{.Size}}' >&2
