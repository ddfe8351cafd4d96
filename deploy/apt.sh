# Sourced by the scripts beside it: installing Debian packages where nobody needs to type a password.
# shellcheck shell=bash

# try_install PACKAGE… – installs the packages, or returns non-zero without asking anything.
try_install() {
    local -a as_root=()
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null && sudo -n true 2>/dev/null || return 1
        as_root=(sudo -n)
    fi
    # The lists of a fresh machine are empty or old; once in a script's run is enough.
    if [ -z "${apt_lists_fresh:-}" ]; then
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 </dev/null || true
        apt_lists_fresh=1
    fi
    printf '正在安装系统软件包：%s\n' "$*" >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >&2 </dev/null
}
