#!/usr/bin/env bash
# Brings the programs by which the tests check and run what is in deploy/: nginx, promtool, logrotate and
# systemd-analyze, from Debian's packages.
#
# The first three are only unpacked, into .venv/checkers: installed, they would begin to serve on this
# machine; and unpacking needs no password.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/apt.sh
source deploy/apt.sh

folder=$PWD/.venv/checkers

# runs PROGRAM – whether it is there and finds its libraries.
runs() {
    case "$1" in
    nginx) "$folder/nginx" -v ;;
    *) "$folder/$1" --version ;;
    esac >/dev/null 2>&1
}

# unpack PROGRAM PATH PACKAGE… – takes the program out of the first package that has it.
unpack() {
    local program=$1 path=$2 package work
    shift 2
    work=$(mktemp -d)
    for package in "$@"; do
        (cd "$work" && apt-get download -qq "$package" >/dev/null 2>&1) || continue
        dpkg-deb --fsys-tarfile "$work/${package}"_*.deb | tar -x -O -f - "./$path" >"$work/$program" 2>/dev/null || continue
        chmod 755 "$work/$program"
        mkdir -p "$folder"
        mv "$work/$program" "$folder/$program"
        break
    done
    rm -rf "$work"
    runs "$program"
}

# On Ubuntu 22.04 the package nginx is an empty one.
unpack_all() {
    { runs nginx || unpack nginx usr/sbin/nginx nginx nginx-core; } &&
        { runs promtool || unpack promtool usr/bin/promtool prometheus; } &&
        { runs logrotate || unpack logrotate usr/sbin/logrotate logrotate; }
}

# What cannot be downloaded is looked for again with fresh lists; logrotate alone needs a library that a bare
# machine lacks.
if ! unpack_all; then
    try_install libpopt0 || true
    unpack_all || {
        printf '%s\n' "检查部署文件需要 nginx、promtool、logrotate，请执行：apt-get update && apt-get install libpopt0，" \
            "然后再执行 make test。" >&2
        exit 1
    }
fi
if ! command -v systemd-analyze >/dev/null && ! try_install systemd; then
    printf '%s\n' "检查部署文件需要 systemd-analyze，请执行：apt-get install systemd，然后再执行 make test。" >&2
    exit 1
fi
