#!/usr/bin/env bash
# Makes carna/base:bookworm, the Debian under our images, and nothing when it is there.
# From debian:bookworm-slim where the engine has it or a registry answers within 20 s; otherwise from Debian's
# own mirror by debootstrap (as root, on Debian), kept as one tar below the cache folder.
#
#   CARNA_DEBIAN_MIRROR   mirror; default: the one that this machine's apt uses, else deb.debian.org
#   CARNA_CACHE_DIR       default: $XDG_CACHE_HOME/carna or ~/.cache/carna; holds base-bookworm-ARCH.tar (80 MB)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

SUITE=bookworm
SLIM=debian:bookworm-slim
# An older tar would lack too many corrections.
CACHE_DAYS=30
CACHE_DIR=${CARNA_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/carna}

work=
cleanup() {
  stop_work
  [ -n "$work" ] || return 0
  unmount_below "$work"
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# mirror_of SUITE DEFAULT: where this machine's apt gets the suite.
mirror_of() {
  local found=
  if command -v apt-get >/dev/null; then
    found=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
      awk -v suite="$1" '$1 == suite && $2 ~ /^https?:/ { print $2; exit }') || true
  fi
  found=${found:-$2}
  printf '%s\n' "${found%/}"
}

changes() { # SOURCE OF THE IMAGE
  printf 'LABEL %s carna.base-from=%s carna.base-made=%s org.opencontainers.image.title=carna-base\n' \
    "$MADE_BY" "$1" "$(date -u +%F)"
}

from_registry() {
  local had=yes
  if ! docker image inspect "$SLIM" >/dev/null 2>&1; then
    had=no
    timeout "$PULL_LIMIT_S" docker pull --quiet "$SLIM" >/dev/null 2>&1 || return 1
  fi
  work=$(mktemp -d)
  { printf 'FROM %s\n' "$SLIM" && changes registry; } >"$work/Dockerfile"
  step "$BASE_IMAGE from $SLIM" docker build --quiet --tag "$BASE_IMAGE" "$work"
  # What we fetched goes when our image goes.
  [ "$had" = yes ] || docker image rm "$SLIM" >/dev/null
}

write_sources() { # ROOT MIRROR
  local security
  security=$(mirror_of "$SUITE-security" http://deb.debian.org/debian-security)
  printf '%s\n' "deb $2 $SUITE main" "deb $2 $SUITE-updates main" "deb $security $SUITE-security main" \
    >"$1/etc/apt/sources.list"
}

# Documentation, translations and lists that no container reads; packages added later leave them out, too.
shrink() { # ROOT
  printf '%s\n' 'path-exclude=/usr/share/doc/*' 'path-include=/usr/share/doc/*/copyright' \
    'path-exclude=/usr/share/man/*' 'path-exclude=/usr/share/info/*' 'path-exclude=/usr/share/locale/*' \
    >"$1/etc/dpkg/dpkg.cfg.d/carna-slim"
  printf '%s\n' 'APT::Install-Recommends "false";' 'Acquire::Languages "none";' \
    'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' >"$1/etc/apt/apt.conf.d/90carna-slim"
  printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
  chmod 755 "$1/usr/sbin/policy-rc.d"
  find "$1/usr/share/doc" -type f ! -name copyright -delete
  rm -rf "$1"/usr/share/{man,info,locale}/* "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* \
    "$1"/var/log/*.log "$1"/var/log/apt/* "$1"/dev/* "$1"/tmp/*
  rm -f "$1/etc/hostname" "$1/etc/resolv.conf" "$1/etc/machine-id" "$1/var/lib/dbus/machine-id"
}

make_tar() { # TAR
  local mirror tar=$1
  [ "$(id -u)" -eq 0 ] || fail 3 "$BASE_IMAGE is missing, no registry answers, and debootstrap needs root"
  [ -e /etc/debian_version ] || fail 3 "$BASE_IMAGE is missing, no registry answers, and this is no Debian"
  "$ROOT/.ci/packages" images >&2
  mirror=${CARNA_DEBIAN_MIRROR:-$(mirror_of "$SUITE" http://deb.debian.org/debian)}
  work=$(mktemp -d)
  step "Debian $SUITE from $mirror" debootstrap --variant=minbase "$SUITE" "$work/root" "$mirror"
  unmount_below "$work"
  write_sources "$work/root" "$mirror"
  shrink "$work/root"
  mkdir -p "$(dirname "$tar")"
  step "keeping it as $tar" tar --numeric-owner --one-file-system -C "$work/root" -cf "$tar.new" .
  mv "$tar.new" "$tar"
}

from_debian() {
  local tar
  tar=$CACHE_DIR/base-$SUITE-$(dpkg --print-architecture 2>/dev/null || uname -m).tar
  find "$CACHE_DIR" -maxdepth 1 \( -name 'base-*.tar' -mtime "+$CACHE_DAYS" -o -name 'base-*.tar.new' \) -delete 2>/dev/null || true
  [ -e "$tar" ] || make_tar "$tar"
  step "$BASE_IMAGE from $tar" docker import --change "$(changes debootstrap)" --change 'CMD ["/bin/sh"]' \
    "$tar" "$BASE_IMAGE"
}

need_engine
if docker image inspect "$BASE_IMAGE" >/dev/null 2>&1; then
  say "$BASE_IMAGE is there"
  exit 0
fi
say "making $BASE_IMAGE: looking for $SLIM, for at most $PULL_LIMIT_S s"
from_registry || from_debian
